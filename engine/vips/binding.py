"""The binding to libvips: the only import of pyvips, how sources are opened, and its errors."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import engine.vips.environment  # noqa: F401  # isort: skip - libvips reads it when it is loaded
import pyvips

from engine.errors import DarkroomError, SourceCorrupt, UnusableFonts
from engine.fonts import TYPEFACES
from engine.sources import (
    Mending,
    Parts,
    Reader,
    Source,
    SourceFormat,
    gif,
    heif,
    jpeg,
    with_short_xmp,
)
from engine.vips.allocator import keep_large_buffers

Image: TypeAlias = pyvips.Image
VipsError: TypeAlias = pyvips.Error
GValue: TypeAlias = pyvips.GValue
Interpolate: TypeAlias = pyvips.Interpolate
OLDEST = (8, 18, 5)
# What libvips, libpng, glibc and libheif say of it. What libheif calls an error of memory may be
# one of the file: a size of zero, a limit.
NO_MEMORY = re.compile(
    r"out of memory|insufficient memory|cannot allocate memory"
    r"|allocating \d+ bytes failed|creating thread: resource temporarily",
    re.IGNORECASE,
)
OWN_MEMORY = "vips_tracked: out of memory"

LOADERS = {  # HEIC is `heic`'s matter
    SourceFormat.JPEG: Image.jpegload_source,
    SourceFormat.PNG: Image.pngload_source,
    SourceFormat.WEBP: Image.webpload_source,
    SourceFormat.GIF: Image.gifload_source,
    SourceFormat.AVIF: Image.heifload_source,
    SourceFormat.TIFF: Image.tiffload_source,
    SourceFormat.SVG: Image.svgload_source,
}
# libvips would put more than 100 MB of it into a file, which a confined child may not write.
DECODED_AT_ONCE = {SourceFormat.WEBP}
# What is made of files before a decoder sees them: faults that everybody passes over, and what is
# too long.
MENDED: dict[SourceFormat, Mending] = {
    SourceFormat.JPEG: jpeg.mended,
    SourceFormat.GIF: gif.mended,
    SourceFormat.AVIF: heif.mended,
    SourceFormat.WEBP: with_short_xmp,
}


def _require(version: tuple[int, int, int]) -> None:
    """Refuse a libvips with known holes; ImportError names both versions."""
    if version < OLDEST:
        found, wanted = ".".join(map(str, version)), ".".join(map(str, OLDEST))
        raise ImportError(f"expected libvips {wanted} or newer, found {found}")


_require((pyvips.version(0), pyvips.version(1), pyvips.version(2)))
LIBVIPS_VERSION = ".".join(str(pyvips.version(part)) for part in range(3))
pyvips.cache_set_max(0)
keep_large_buffers()
pyvips.block_untrusted_set(True)


class Counter:
    """How many libvips operations this process has built."""

    def __init__(self) -> None:
        self.operations = 0
        self._lock = Lock()

    def watch(self) -> None:
        """Count every operation from now on; pyvips has one door for all of them."""
        call = pyvips.Operation.call

        def counted(name: str, *args: Any, **options: Any) -> Any:
            with self._lock:
                self.operations += 1
            return call(name, *args, **options)

        pyvips.Operation.call = staticmethod(counted)


COUNTER = Counter()
COUNTER.watch()


def _text(pointer: Any) -> str:
    """Read what libvips says: it quotes files as they are, where pyvips expects UTF-8."""
    said: bytes = b"" if pointer == pyvips.ffi.NULL else pyvips.ffi.string(pointer)
    return said.decode(errors="backslashreplace")


pyvips._to_string = pyvips.error._to_string = _text  # of its log, and of its errors


def open_image(source: Source | Parts, source_format: SourceFormat, **options: Any) -> Image:
    """Open an image with the loader of its format, to be read once from top to bottom.

    `options` are the loader's own. Raises SourceCorrupt if the header cannot be read; a
    fault further on comes to light when pixels are pulled. Of a partial source only the
    header is there, or MissingBytes is raised.
    """
    kept = {"memory": True} if source_format in DECODED_AT_ONCE else {}
    with _stream(source, source_format) as stream, _header_errors(), _let_through(source_format):
        image: Image = LOADERS[source_format](
            stream, access="sequential", **{"fail_on": "truncated", **kept, **options}
        )
    image._references.append(stream)  # as pyvips' own openers do: it is read from later on
    return image


@contextmanager
def _stream(source: Source | Parts, source_format: SourceFormat) -> Iterator[pyvips.Source]:
    """Give a source as libvips reads it; a hole that it meets is told when it is done."""
    if isinstance(source, Source):
        mend = MENDED.get(source_format)
        yield pyvips.Source.new_from_memory(source.through(mend) if mend else source.data)
        return
    reader, stream = Reader(source), pyvips.SourceCustom()
    stream.on_read(reader.read)
    stream.on_seek(reader.seek)
    try:
        yield stream
    finally:
        reader.check()


@contextmanager
def _let_through(source_format: SourceFormat) -> Iterator[None]:
    """Lift libvips' own block on SVG while an image is opened that is known to be one.

    Its text may ask for any font, so all are there, whatever was drawn before.
    """
    if source_format is not SourceFormat.SVG:
        yield
        return
    for face in TYPEFACES.faces:
        load_font(face.path)
    pyvips.operation_block_set("VipsForeignLoadSvg", False)
    try:
        yield
    finally:
        pyvips.operation_block_set("VipsForeignLoadSvg", True)


@contextmanager
def _header_errors() -> Iterator[None]:
    """Turn libvips' errors into SourceCorrupt while only a header is read.

    That takes no memory to speak of, but for WebP's canvas, which libvips allocates itself: libtiff
    is out of it when a field claims to be huge.
    """
    try:
        yield
    except pyvips.Error as error:
        if OWN_MEMORY in str(error.detail or ""):
            raise MemoryError(reason(error)) from error
        raise SourceCorrupt(f"the image cannot be decoded: {reason(error)}") from error


@contextmanager
def source_errors() -> Iterator[None]:
    """Turn libvips' errors into SourceCorrupt, for calls that only read a source."""
    try:
        yield
    except pyvips.Error as error:
        _check_memory(error)
        raise SourceCorrupt(f"the image cannot be decoded: {reason(error)}") from error


@contextmanager
def render_errors() -> Iterator[None]:
    """Turn libvips' errors into DarkroomError, for calls that evaluate a pipeline.

    Raises MemoryError if the process has no more memory.
    """
    try:
        yield
    except pyvips.Error as error:
        _check_memory(error)
        raise DarkroomError(f"the image could not be made: {reason(error)}") from error


def _check_memory(error: pyvips.Error) -> None:
    """Raise MemoryError if the process has no more of it, for which no image is to blame."""
    if tells_of_memory(str(error.detail or "")):
        raise MemoryError(reason(error)) from error


def tells_of_memory(words: str) -> bool:
    """Tell whether a decoder's words say that the process has no more memory."""
    return NO_MEMORY.search(words) is not None


def field_names(image: Image) -> list[bytes]:
    """List an image's metadata; a PNG names its texts in Latin-1, which pyvips takes for UTF-8."""
    names: list[bytes] = []
    array = pyvips.vips_lib.vips_image_get_fields(image.pointer)
    for at in itertools.count():
        if array[at] == pyvips.ffi.NULL:
            break
        names.append(bytes(pyvips.ffi.string(array[at])))
        pyvips.glib_lib.g_free(array[at])
    pyvips.glib_lib.g_free(array)
    return names


def remove_field(image: Image, name: bytes) -> None:
    """Remove one piece of metadata by the name that `field_names` gives."""
    pyvips.vips_lib.vips_image_remove(image.pointer, name)


def unraised_errors() -> str:
    """Give what libvips calls errors and passed over, one in each line."""
    return str(pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()), "utf-8", "replace")


def clear_errors() -> None:
    """Empty libvips' error buffer, which it fills with warnings too."""
    pyvips.vips_lib.vips_error_clear()


def reason(error: pyvips.Error) -> str:
    """Give libvips' own words in one line, which may be none at all."""
    lines = [line.strip() for line in str(error.detail or "").splitlines() if line.strip()]
    # "load error" may follow the cause, or not
    causes = [line for line in lines if not line.endswith(": load error")]
    return "; ".join(dict.fromkeys(causes))[:300] or "damaged or incomplete data"


@cache
def load_font(path: str) -> None:
    """Let fontconfig know a font from now on; libvips does that on the way to drawing.

    Raises UnusableFonts if the file is gone, which libvips would pass over.
    """
    try:
        Path(path).open("rb").close()
    except OSError as error:
        raise UnusableFonts(f"{path}: cannot be read: {error.strerror}") from error
    with suppress(pyvips.Error):
        Image.text("|", fontfile=path, dpi=72)


def drain(image: Image) -> None:
    """Decode a whole image and keep nothing; SourceCorrupt if it cannot be."""
    with source_errors():
        image.cast("uchar").avg()  # the mean of what is no number is an error
