"""HEIC through pi-heif, where that is installed: libvips' own build has no decoder for HEVC.

An image is opened twice: for what its header says, and for pixels, which come all at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from engine.errors import SourceCorrupt
from engine.sources import EXIF, XMP, Source, heif
from engine.vips.binding import GValue, Image, tells_of_memory
from engine.vips.images import PROFILE, unmultiplied

INSTALL = "pip install '.[heic]'"
LABELS = {PROFILE: "icc_profile", EXIF: "exif", XMP: "xmp"}
MOST_SIDE = 100_000_000  # pixels of what libvips calls an image


@cache
def is_installed() -> bool:
    """Tell whether HEIC can be read, without loading what reads it."""
    return find_spec("pi_heif") is not None


def preload() -> None:
    """Load what reads HEIC, if it is installed: for a process that forks others."""
    if is_installed():
        library()


def decoder() -> str:
    """Name what reads HEIC, with its versions; ImportError if it cannot be loaded."""
    loaded = library()
    decoders = ", ".join(loaded.libheif_info()["decoders"].values())
    return f"pi-heif {loaded.__version__}, libheif {loaded.libheif_version()}, {decoders}"


@cache
def library() -> Any:
    """Load pi-heif, to decode on one thread and to look at nothing but the image itself."""
    loaded = import_module("pi_heif")
    loaded.options.DECODE_THREADS = 1
    loaded.options.THUMBNAILS = loaded.options.DEPTH_IMAGES = loaded.options.AUX_IMAGES = False
    return loaded


def open_header(source: Source) -> Image:
    """Give an image that says what a file's header says; its pixels mean nothing.

    Raises SourceCorrupt if the header cannot be made out.
    """
    found = _opened(source)
    bands, kind = _layout(found.mode)
    width, height = found.size
    return _labelled(Image.black(width, height, bands=bands).cast(kind), found)


def open_pixels(source: Source) -> Image:
    """Decode the primary image, its turns undone; SourceCorrupt if it cannot be."""
    found = _opened(source)
    told = found.size
    with _errors():
        pixels = found.data
    if found.size != told:
        raise SourceCorrupt(f"the image is {_size(found.size)}, and its header says {_size(told)}")
    bands, kind = _layout(found.mode)
    image = Image.new_from_memory(pixels, *told, bands, kind)
    image._references.append(found)  # whose memory the pixels are
    image = _labelled(image, found)
    return unmultiplied(image) if found.premultiplied_alpha else image


def _opened(source: Source) -> Any:
    """Give the primary image, not decoded."""
    with _errors():
        data = heif.with_ascii_types(bytes(source.through(heif.mended)))
        file = library().open_heif(data, convert_hdr_to_8bit=False)
        found = file[file.primary_index]
    if not all(0 < side <= MOST_SIDE for side in found.size):
        raise SourceCorrupt(f"the image cannot be decoded: its header says {_size(found.size)}")
    return found


@contextmanager
def _errors() -> Iterator[None]:
    """Turn pi-heif's errors into SourceCorrupt; MemoryError stays one, whatever its kind."""
    try:
        yield
    except (EOFError, IndexError, OSError, RuntimeError, SyntaxError, ValueError) as error:
        said = str(error)
        if isinstance(error, UnicodeDecodeError):  # it quotes what the file has, and is no text
            said = error.object.decode(errors="backslashreplace")
        words = " ".join(said.split())[:300]
        if tells_of_memory(words):
            raise MemoryError(words) from error
        raise SourceCorrupt(f"the image cannot be decoded: {words or 'damaged'}") from error


def _layout(mode: str) -> tuple[int, str]:
    """Give the bands of a mode, and libvips' name for their format."""
    bands, _, bits = mode.partition(";")
    return len(bands), "ushort" if bits else "uchar"


def _labelled(image: Image, found: Any) -> Image:
    """Give an image what its file says beside the pixels, under libvips' names."""
    deep, grey = image.format == "ushort", image.bands < 3
    space = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
    image = image.copy(interpretation=space)
    for name, told in LABELS.items():
        if body := found.info.get(told):
            image.set_type(GValue.blob_type, name, body)
    image.set_type(GValue.gint_type, "orientation", 1)  # EXIF's means nothing beside boxes of turns
    image.set_type(GValue.gint_type, "bits-per-sample", found.info["bit_depth"])
    return image


def _size(size: tuple[int, int]) -> str:
    return "{:,} × {:,}".format(*size)
