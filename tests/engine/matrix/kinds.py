"""Every kind of image that customers upload, each with its expected sRGB pixels.

"By hand" is Pillow and numpy alone: decoded, turned upright, brought to 8-bit sRGB, RGB or
RGBA. `exact` tells whether that must agree to the bit; profiles may differ by a level.
"""

import io
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pyvips
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.engine.images import Pixels, encoded, noise, smooth
from tests.engine.uploads import animation, ycck

WIDE, HIGH = 24, 18
Ready = Callable[[bytes], Pixels]


class Kind(Struct, frozen=True):
    """An image's file, and its upright pixels: height × width × 3 or 4, 8 bits.

    Of an animation the pixels are those of the first frame.
    """

    name: str
    data: bytes
    upright: NDArray[np.uint8]
    exact: bool = True
    frames: int = 1


def kinds() -> list[Kind]:
    """Make one of each."""
    return [
        *_plain(),
        *_deep(),
        *_palettes(),
        *_profiles(),
        *_turned(),
        *_files(),
        *_moving(),
        *_strips(),
    ]


def image(width: int, height: int, bands: int) -> Pixels:
    """A gradient with some grain, so that nothing in it is even or alike.

    The grain is grey, for a lossy format spends little on colours.
    """
    grain = noise(width, height, 1, seed=bands) // 5
    return (smooth(width, height, bands) // 5 * 4 + grain).astype(np.uint8)


def _plain() -> Iterator[Kind]:
    rgb, rgba, grey = (image(WIDE, HIGH, bands) for bands in (3, 4, 1))
    translucent = np.dstack([grey, rgba[..., 3]])
    yield Kind("RGB", encoded(rgb), rgb)
    yield Kind("RGBA", encoded(rgba), rgba)
    yield Kind("grey", encoded(grey), np.repeat(grey, 3, 2))
    yield Kind("grey+alpha", encoded(translucent), translucent[..., [0, 0, 0, 1]])
    bits = ((grey > 127) * 255).astype(np.uint8)
    yield Kind("1 bit", encoded(bits, mode="1"), np.repeat(bits, 3, 2))


def _deep() -> Iterator[Kind]:
    for bands, name in ((1, "grey16"), (3, "RGB16"), (4, "RGBA16"), (2, "grey16+alpha")):
        high = image(WIDE, HIGH, bands)
        low = noise(WIDE, HIGH, bands, seed=9)
        upright = high if bands > 2 else high[..., [0, 0, 0, 1][: 2 + bands]]
        yield Kind(name, _deep_png(high * np.uint16(256) + low), upright)


def _deep_png(pixels: NDArray[np.uint16], profile: bytes = b"") -> bytes:
    height, width, bands = pixels.shape
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, bands, "ushort")
    image = image.copy(interpretation="rgb16" if bands > 2 else "grey16")
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return bytes(image.pngsave_buffer())


def _palettes() -> Iterator[Kind]:
    indices = image(WIDE, HIGH, 1) // 26
    colours = noise(1, 10, 3, seed=5)
    flat = Image.fromarray(indices[..., 0], "L").copy()
    flat.putpalette(colours.tobytes())
    covers = bytes(range(0, 250, 25))
    for name, options in (("palette", {}), ("palette+alpha", {"transparency": covers})):
        data = _saved(flat, "PNG", **options)
        yield Kind(name, data, _by_pillow(data, "RGBA" if options else "RGB"))
    rgb = (image(WIDE, HIGH, 3) // 64 * 64).astype(np.uint8)
    data = encoded(rgb, transparency=tuple(map(int, rgb[4, 4])))
    yield Kind("RGB with a clear colour", data, _by_pillow(data, "RGBA"))


def _profiles() -> Iterator[Kind]:
    rgb, rgba, grey = (image(WIDE, HIGH, bands) for bands in (3, 4, 1))
    p3 = profile("p3")
    in_srgb = _to_srgb(Image.fromarray(rgb), p3)
    yield Kind("P3", encoded(rgb, icc_profile=p3), in_srgb, exact=False)
    translucent = np.dstack([_to_srgb(Image.fromarray(rgba[..., :3]), p3), rgba[..., 3]])
    yield Kind("P3+alpha", encoded(rgba, icc_profile=p3), translucent, exact=False)
    yield Kind("P3 16 bit", _deep_png(rgb * np.uint16(257), p3), in_srgb, exact=False)
    jpeg = encoded(rgb, "JPEG", icc_profile=p3, quality=95)
    yield Kind("P3 JPEG", jpeg, _to_srgb(Image.open(io.BytesIO(jpeg)), p3), exact=False)
    inks = Image.merge("CMYK", Image.fromarray(rgba).split())
    cmyk = profile("cmyk")
    for name, options in (("CMYK", {}), ("CMYK with a profile", {"icc_profile": cmyk})):
        data = _saved(inks, "JPEG", quality=95, **options)
        yield Kind(name, data, _to_srgb(Image.open(io.BytesIO(data)), cmyk), exact=False)
    data = ycck(rgba, quality=95)
    yield Kind("YCCK", data, _to_srgb(Image.open(io.BytesIO(data)), cmyk), exact=False)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield Kind("RGB with sRGB's profile", encoded(rgb, icc_profile=srgb), rgb, exact=False)
    broken = encoded(grey, icc_profile=b"no profile at all" * 20)
    yield Kind("grey with a broken profile", broken, np.repeat(grey, 3, 2))


TO_UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1), 6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2), 8: lambda a: np.rot90(a, 1),
}  # fmt: skip


def _turned() -> Iterator[Kind]:
    for orientation, upright in TO_UPRIGHT.items():
        kind, bands = ("JPEG", 3) if orientation % 2 else ("PNG", 4)
        data = encoded(image(WIDE, HIGH, bands), kind, exif=_exif(orientation))
        mode = "RGB" if bands == 3 else "RGBA"
        yield Kind(f"orientation {orientation}", data, upright(_by_pillow(data, mode)))


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _files() -> Iterator[Kind]:
    rgb, rgba, grey = (image(WIDE, HIGH, bands) for bands in (3, 4, 1))
    for name, data in {
        "JPEG": encoded(rgb, "JPEG", quality=90),
        "JPEG progressive": encoded(rgb, "JPEG", progressive=True, subsampling=0),
        "JPEG grey": encoded(grey, "JPEG"),
        "PNG interlaced": _interlaced(rgb),
        "WebP": encoded(rgb, "WEBP", lossless=True),
        "WebP+alpha": encoded(rgba, "WEBP", lossless=True, exact=True),
        "GIF": encoded(rgb, "GIF"),
        "TIFF": encoded(rgb, "TIFF"),
        "TIFF+alpha": encoded(rgba, "TIFF"),
    }.items():
        yield Kind(name, data, _by_pillow(data, "RGBA" if "alpha" in name else "RGB"))

    data = encoded(rgba, "AVIF", quality=95, subsampling="4:4:4")
    yield Kind("AVIF+alpha", data, _by_pillow(data, "RGBA"), exact=False)


def _moving() -> Iterator[Kind]:
    first = image(WIDE, HIGH, 3)
    # What is measured of all frames together is then what is measured of the first.
    images = [first, first[::-1], first[:, ::-1]]
    for name in ("GIF", "WebP"):
        data = animation(name.upper(), images, [50, 120, 80])
        yield Kind(f"animated {name}", data, _by_pillow(data, "RGB"), False, len(images))


def _interlaced(pixels: Pixels) -> bytes:
    height, width, bands = pixels.shape
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, bands, "uchar")
    return bytes(image.copy(interpretation="srgb").pngsave_buffer(interlace=True))


def _strips() -> Iterator[Kind]:
    for width, height in ((1, 1), (1, 2000), (2000, 1)):
        for bands in (3, 4):
            pixels = image(width, height, bands)
            yield Kind(f"{width}x{height} {'RGBA'[:bands]}", encoded(pixels), pixels)
    upright = image(1, 2000, 3)
    data = encoded(TO_UPRIGHT[8](upright), exif=_exif(6))
    yield Kind("1x2000 on its side", data, upright)


@lru_cache
def profile(name: str) -> bytes:
    """Give one of the ICC profiles that libvips holds."""
    return bytes(pyvips.Operation.call("profile_load", name))


def _to_srgb(image: Image.Image, icc: bytes) -> Pixels:
    given = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    made = ImageCms.profileToProfile(
        image,
        given,
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.PERCEPTUAL,
        outputMode="RGB",
    )
    return np.asarray(made)


def _by_pillow(data: bytes, mode: str) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert(mode))


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
