"""libvips: the only import of pyvips, how it is set up, and what its errors mean here.

libvips reads its environment when it is loaded, so the settings are made before the
import. `VIPS_CONCURRENCY` may be set by whoever starts the process; one thread a process
gives the most pictures a second when there is a process for each core. What bears on text
is fixed or removed, so that it comes out the same on every machine.
"""

import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

os.environ.setdefault("VIPS_CONCURRENCY", "1")
os.environ["FONTCONFIG_FILE"] = str(Path(__file__).with_name("fonts") / "fonts.conf")
os.environ.pop("FONTCONFIG_SYSROOT", None)
os.environ.pop("FREETYPE_PROPERTIES", None)
os.environ.pop("HB_SHAPER_LIST", None)

import pyvips

from engine.errors import DarkroomError, SourceCorrupt, UnusableFonts
from engine.facts import SourceFormat
from engine.heap import keep_large_buffers
from engine.pieces import PartialSource, Reader
from engine.source import Source
from engine.typefaces import TYPEFACES

Image: TypeAlias = pyvips.Image
OLDEST = (8, 18, 5)
PIXEL_FIELDS = {
    "width", "height", "bands", "format", "coding", "interpretation",
    "xoffset", "yoffset", "xres", "yres", "filename", "vips-sequential",
}  # fmt: skip
NO_MEMORY = ("out of memory", "insufficient memory", "cannot allocate memory")

LOADERS = {
    SourceFormat.JPEG: Image.jpegload_source,
    SourceFormat.PNG: Image.pngload_source,
    SourceFormat.WEBP: Image.webpload_source,
    SourceFormat.GIF: Image.gifload_source,
    SourceFormat.AVIF: Image.heifload_source,
    SourceFormat.TIFF: Image.tiffload_source,
    SourceFormat.HEIC: Image.heifload_source,
    SourceFormat.SVG: Image.svgload_source,
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

    def watch(self) -> None:
        """Count every operation from now on; pyvips has one door for all of them."""
        call = pyvips.Operation.call

        def counted(name: str, *args: Any, **options: Any) -> Any:
            self.operations += 1
            return call(name, *args, **options)

        pyvips.Operation.call = staticmethod(counted)


COUNTER = Counter()
COUNTER.watch()


def open_image(
    source: Source | PartialSource, picture_format: SourceFormat, **options: Any
) -> Image:
    """Open a picture with the loader of its format, to be read once from top to bottom.

    `options` are the loader's own. Raises SourceCorrupt if the header cannot be read; a
    fault further on comes to light when pixels are pulled. Of a partial source only the
    header is there, or MissingBytes is raised.
    """
    with _stream(source) as stream, _header_errors(), _let_through(picture_format):
        image: Image = LOADERS[picture_format](
            stream,
            access="sequential",
            fail_on="truncated",
            **options,
        )
    return image


@contextmanager
def _stream(source: Source | PartialSource) -> Iterator[pyvips.Source]:
    """Give a source as libvips reads it; a hole that it meets is told when it is done."""
    if isinstance(source, Source):
        yield pyvips.Source.new_from_memory(source.data)
        return
    reader, stream = Reader(source), pyvips.SourceCustom()
    stream.on_read(reader.read)
    stream.on_seek(reader.seek)
    try:
        yield stream
    finally:
        reader.check()


@cache
def decodes_hevc() -> bool:
    """Tell whether this libvips has a decoder for HEIC: it reads one of 8 × 8 pixels."""
    sample = Source.from_path(Path(__file__).parent / "samples" / "hevc.heic")
    try:
        drain(open_image(sample, SourceFormat.HEIC))
    except SourceCorrupt:
        return False
    return True


@contextmanager
def _let_through(picture_format: SourceFormat) -> Iterator[None]:
    """Lift libvips' own block on SVG while a picture is opened that is known to be one.

    Its text may ask for any font, so all are there, whatever was drawn before.
    """
    if picture_format is not SourceFormat.SVG:
        yield
        return
    for face in TYPEFACES.faces:
        _load(face.path)
    pyvips.operation_block_set("VipsForeignLoadSvg", False)
    try:
        yield
    finally:
        pyvips.operation_block_set("VipsForeignLoadSvg", True)


@contextmanager
def _header_errors() -> Iterator[None]:
    """Turn libvips' errors into SourceCorrupt while only a header is read.

    That takes no memory to speak of: libtiff is out of it when a field claims to be huge.
    """
    try:
        yield
    except pyvips.Error as error:
        raise SourceCorrupt(f"the picture cannot be decoded: {reason(error)}") from error


@contextmanager
def source_errors() -> Iterator[None]:
    """Turn libvips' errors into SourceCorrupt, for calls that only read a source."""
    try:
        yield
    except pyvips.Error as error:
        _check_memory(error)
        raise SourceCorrupt(f"the picture cannot be decoded: {reason(error)}") from error


@contextmanager
def render_errors() -> Iterator[None]:
    """Turn libvips' errors into the root error, for calls that evaluate a pipeline."""
    try:
        yield
    except pyvips.Error as error:
        _check_memory(error)
        raise DarkroomError(f"the picture could not be made: {reason(error)}") from error


def _check_memory(error: pyvips.Error) -> None:
    """Raise MemoryError if the process has no more of it, for which no picture is to blame."""
    words = str(error.detail or "").lower()
    if any(known in words for known in NO_MEMORY):
        raise MemoryError(reason(error)) from error


def reason(error: pyvips.Error) -> str:
    """Give libvips' own words in one line, which may be none at all."""
    lines = [line.strip() for line in str(error.detail or "").splitlines() if line.strip()]
    return "; ".join(dict.fromkeys(lines))[:300] or "damaged or incomplete data"


def animation(stills: Iterable[Image], delays: Sequence[int], loop: int) -> Image:
    """Put frames below each other, as savers want them, each made before the next.

    `delays` are milliseconds, one for each frame; `loop` counts how often all are shown.
    """
    frames = [still.copy_memory() for still in stills]
    strip = Image.arrayjoin(frames, across=1).copy()
    strip.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    strip.set_type(pyvips.GValue.array_int_type, "delay", list(delays))
    strip.set_type(pyvips.GValue.gint_type, "loop", loop)
    return strip


def through_profile(image: Image) -> Image:
    """Convert to sRGB of the same depth through the embedded profile, if that one fits."""
    depth = 16 if image.format == "ushort" else 8
    try:
        return image.icc_transform("srgb", embedded=True, intent="perceptual", depth=depth)
    except pyvips.Error:
        return image


def bare_srgb(image: Image) -> Image:
    """Call the pixels sRGB, and drop everything else that the picture says of itself.

    Savers write some of it whatever they are told: orientation, pages, bits a sample.
    """
    bare = image.copy(interpretation="srgb")
    for name in set(bare.get_fields()) - PIXEL_FIELDS:
        bare.remove(name)
    return bare


def labels_of(image: Image) -> dict[str, bytes]:
    """Give a picture's metadata: EXIF, XMP and IPTC as they lie in its file."""
    names = {"exif-data", "xmp-data", "iptc-data"} & set(image.get_fields())
    return {name: bytes(image.get(name)) for name in names}


def labelled(image: Image, labels: Mapping[str, bytes]) -> Image:
    """Give a picture metadata; the same picture if there is none to give."""
    if labels:
        image = image.copy()
    for name, label in labels.items():
        image.set_type(pyvips.GValue.blob_type, name, label)
    return image


def image_from_table(tables: tuple[bytes, ...]) -> Image:
    """Make a look-up image: one band for each table, all of one length."""
    entries = bytearray(len(tables[0]) * len(tables))
    for band, table in enumerate(tables):
        entries[band :: len(tables)] = table
    return Image.new_from_memory(bytes(entries), len(tables[0]), 1, len(tables), "uchar")


def image_from_words(tables: list[list[int]]) -> Image:
    """Make a look-up image of 16-bit entries: one band for each table, all of one length."""
    entries = array("H", (value for entry in zip(*tables, strict=True) for value in entry))
    return Image.new_from_memory(entries.tobytes(), len(tables[0]), 1, len(tables), "ushort")


def image_from_numbers(numbers: Iterable[float], code: str) -> Image:
    """Make a look-up image of one band; `code` is the array's: ``f`` floats, ``I`` whole."""
    entries = array(code, numbers)
    band_format = {"f": "float", "I": "uint"}[code]
    return Image.new_from_memory(entries.tobytes(), len(entries), 1, 1, band_format)


def mask_image(rows: list[list[float]], scale: float = 1, offset: float = 0) -> Image:
    """Make a convolution mask: the weighted sum is divided by `scale`, then `offset` added."""
    return Image.new_from_array(rows, scale=scale, offset=offset)


def hold(image: Image) -> Image:
    """Keep the rows around the one being read, for nodes that read each pixel many times.

    Without it libvips would make the rows anew for every reader.
    """
    return image.linecache(tile_height=16, access="sequential")


class Font(NamedTuple):
    """What text is drawn in: families in the order in which they are asked, and their files."""

    families: tuple[str, ...]
    style: str
    files: tuple[str, ...]


TILE = 128  # pixels a side, as libvips asks of operations that turn a picture


def hold_tiles(image: Image) -> Image:
    """Keep two rows of tiles, for nodes that read what came of a rotation many times.

    A line cache would ask a rotation for whole rows, for each of which it needs a large part
    of the picture that it turns: ten times the memory and five times the time.
    """
    tiles = 2 * (image.width // TILE + 2)
    return image.tilecache(tile_width=TILE, tile_height=TILE, max_tiles=tiles)


class Ink(NamedTuple):
    """Where letters cover: one band of coverage, and its corner from the line's origin."""

    image: Image
    left: int
    top: int

    @property
    def end(self) -> tuple[int, int]:
        """Where it ends, to the right and below."""
        return self.left + self.image.width, self.top + self.image.height


class TooLargeToDraw(Exception):
    """Text whose ink is wider or higher than `LONGEST_INK`."""


LONGEST_INK = 32_767  # pixels a side of cairo's surfaces
LANGUAGE = "en"  # of all text: its own is not known, and the process's must not matter
STRUT = '<span font_family="Darkroom Strut" fallback="false">x</span>'
STRUT_FONT = str(Path(__file__).with_name("strut.ttf"))


def ink_of(text: str, font: Font, size: float, *, strut: bool = False) -> Ink | None:
    """Draw one or more lines at `size` pixels an em; None if nothing in them has ink.

    The text is literal: Pango's markup is escaped. A strut is a letter before it without ink
    and width that makes the line so high that no other font in it moves the baseline; for
    Pango it is Latin, as is the line's direction then. Raises TooLargeToDraw.
    """
    for path in (STRUT_FONT, *font.files):
        _load(path)
    markup = f'<span lang="{LANGUAGE}">{STRUT * strut}{escape(text, quote=False)}</span>'
    families = ",".join(font.families)
    try:
        image = Image.text(
            markup, font=f"{families}, {font.style} {max(size, 0.001):.3f}px", dpi=72
        )
    except pyvips.Error as error:
        if "no text to render" in str(error.detail):
            return None
        if "too big" in str(error.detail):
            raise TooLargeToDraw from error
        raise
    return Ink(image, image.xoffset, image.yoffset)


@cache
def _load(path: str) -> None:
    """Let fontconfig know a font from now on; libvips does that on the way to drawing.

    Raises UnusableFonts if the file is gone, which libvips would pass over.
    """
    try:
        Path(path).open("rb").close()
    except OSError as error:
        raise UnusableFonts(f"{path}: cannot be read: {error.strerror}") from error
    with suppress(pyvips.Error):
        Image.text("|", fontfile=path, dpi=72)


def in_bytes(image: Image, addend: float = 0.5) -> Image:
    """Give a picture of floats in 8 bits: `addend` is added, fractions are dropped.

    `linear` with `uchar` gives the same pixels, and takes three times as long.
    """
    return (image + addend).cast("uchar")


def black(width: int, height: int) -> Image:
    """Make an image of one band of zeros."""
    return Image.black(width, height)


def interpolator(name: str) -> pyvips.Interpolate:
    """Give one of libvips' interpolators."""
    return pyvips.Interpolate.new(name)


def drain(image: Image) -> None:
    """Decode a whole picture and keep nothing; SourceCorrupt if it cannot be."""
    with source_errors():
        image.avg()
