"""What Pillow makes of a file, or tifffile of a TIFF: the pixels that ours are compared with."""

import importlib.util
import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from tests.engine.images import Pixels

# What Pillow says of files is not its own; what we refuse is refused before.
Image.MAX_IMAGE_PIXELS = None
SRGB = ImageCms.createProfile("sRGB")
INTENT = ImageCms.Intent.PERCEPTUAL
MODES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}


def reference(path: Path) -> Pixels | None:
    """Return the first frame, upright, as sRGB with alpha; None if nobody here can read it."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            image.load()
            if not _is_of_unknown_depth(image):
                return _as_rgba(ImageOps.exif_transpose(image))
    except Exception:
        pass
    return _of_tifffile(path) if path.suffix.lower() in {".tif", ".tiff"} else None


def _is_of_unknown_depth(image: Image.Image) -> bool:
    """Whether Pillow does not tell how many of 16 bits are used."""
    return image.format == "TIFF" and image.mode.startswith("I;16")


def _as_rgba(image: Image.Image) -> Pixels:
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.asarray(image).astype(np.int64)
        return _opaque((grey >> 8).clip(0, 255).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("floats have no scale that Pillow knows")
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    colours = _in_srgb(image).convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    made: Pixels = np.asarray(colours.convert("RGBA"))
    return made


def _in_srgb(image: Image.Image) -> Image.Image:
    """Convert through the embedded profile, if it is one for such pixels."""
    embedded = image.info.get("icc_profile")
    if not embedded:
        return image
    try:
        profile = ImageCms.getOpenProfile(io.BytesIO(embedded))
        mode = MODES[profile.profile.xcolor_space]
        plain = image.convert("RGB") if mode == "RGB" else image
        plain = plain.convert("L") if mode == "L" and image.mode in {"LA", "1"} else plain
        converted = ImageCms.profileToProfile(plain, profile, SRGB, INTENT, outputMode="RGB")
    except (ImageCms.PyCMSError, KeyError, OSError, ValueError):
        return image
    return converted if converted is not None else image


def _opaque(grey: Pixels) -> Pixels:
    return np.dstack([grey, grey, grey, np.full_like(grey, 255)])


def _of_tifffile(path: Path) -> Pixels | None:
    """Read plain grey and RGB, where tifffile is installed."""
    if importlib.util.find_spec("tifffile") is None:
        return None
    import tifffile  # noqa: PLC0415 - may be missing

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            pixels = page.asarray()
            plain = page.photometric in {1, 2} and pixels.dtype in {np.uint8, np.uint16}
    except Exception:
        return None
    if not plain or pixels.ndim > 3:
        return None
    if pixels.dtype == np.uint16:
        pixels = (pixels >> max(0, page.bitspersample - 8)).astype(np.uint8)
    if pixels.ndim == 2:
        return _opaque(pixels)
    if pixels.shape[2] < 3:
        return None
    return np.dstack([pixels[..., :3], np.full(pixels.shape[:2], 255, np.uint8)])
