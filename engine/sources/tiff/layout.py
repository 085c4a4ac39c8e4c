"""How the pixels of a TIFF's first page are laid out, according to its directory."""

from collections.abc import Sequence

from msgspec import Struct

from engine.errors import SourceCorrupt, SourceTooLarge
from engine.geometry import Size
from engine.limits import EngineLimits
from engine.sources.source import Content
from engine.sources.tiff.directory import Directory
from engine.sources.tiff.tags import OF_FAX, Compression, Extra, Numbers, Photometric, Tag

# How many samples of a pixel are its colour; of other kinds nothing is known.
COLOURS: dict[int, int] = {
    Photometric.WHITE_IS_ZERO: 1, Photometric.BLACK_IS_ZERO: 1, Photometric.RGB: 3,
    Photometric.PALETTE: 1, Photometric.SEPARATED: 4, Photometric.YCBCR: 3,
    Photometric.CIE_LAB: 3, Photometric.ICC_LAB: 3, Photometric.LOG_L: 1, Photometric.LOG_LUV: 3,
}  # fmt: skip
LONGEST = 2**31 - 1  # pixels a side
MOST_SAMPLES = 64  # of a pixel, as far as they are looked at
MOST_COLOURS = 3 * 2**16  # numbers of a palette
REDUCED = 1
REC_601 = (0.299, 0.587, 0.114)
FULL_RANGE = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
_PLACES = (Tag.STRIP_OFFSETS, Tag.STRIP_LENGTHS, Tag.TILE_OFFSETS, Tag.TILE_LENGTHS)


class Chunks(Struct, frozen=True):
    """Strips or tiles: their size in pixels, and where the bytes of each lie.

    Strips are as wide as the image, and the last may be shorter. Where the planes of an image
    are apart, all chunks of one come before those of the next.
    """

    size: Size
    tiled: bool
    offsets: Sequence[int]
    lengths: Sequence[int]


class Layout(Struct, frozen=True, kw_only=True):
    """The first page of a TIFF file.

    `bits` and `numbers` are those of the samples, each that is met once. `extras` are what the
    samples beyond the colours mean. `planar` tells that each sample has strips or tiles of its
    own. `colour_map` has all reds, then greens, then blues, of 16 bits. `is_preview` tells that
    the file calls its first page the small form of another image.
    """

    size: Size
    photometric: int
    compression: int
    bits: tuple[int, ...]
    numbers: tuple[int, ...]
    samples: int
    extras: tuple[int, ...]
    planar: bool
    predictor: int
    is_big_endian: bool
    orientation: int
    ink_set: int
    subsampling: tuple[int, int]
    coefficients: tuple[float, ...]
    black_and_white: tuple[float, ...]
    colour_map: tuple[int, ...]
    is_preview: bool
    chunks: Chunks

    @property
    def colours(self) -> int:
        """How many samples of a pixel are its colour."""
        return COLOURS.get(self.photometric, self.samples)

    @property
    def alpha(self) -> int | None:
        """Which sample is opacity, if any is."""
        meanings = {Extra.ALPHA, Extra.ASSOCIATED_ALPHA}
        places = (place for place, extra in enumerate(self.extras) if extra in meanings)
        found = next(places, None)
        return None if found is None else self.colours + found

    @property
    def is_premultiplied(self) -> bool:
        """Whether the colours are multiplied by the opacity."""
        alpha = self.alpha
        return alpha is not None and self.extras[alpha - self.colours] == Extra.ASSOCIATED_ALPHA

    @property
    def depth(self) -> int:
        """Bits of a sample: 8, 16 or 32; half floats are decoded as floats."""
        if Numbers.FLOAT in self.numbers:
            return 32
        return 8 if max(self.bits) <= 8 else 16 if max(self.bits) <= 16 else 32


def check_limits(data: Content, limits: EngineLimits) -> None:
    """Raise SourceTooLarge for more fields, strips or tiles than are looked at.

    Reads the fields of the directory, and none of what they point to.
    """
    directory, most = Directory(data, limits.max_tiff_fields), limits.max_tiff_fields
    if directory.announced > most:
        what = "the TIFF directory is too long"
        raise SourceTooLarge(what, "max_tiff_fields", most, directory.announced, "fields")
    counts = [directory.count(tag) for tag in _PLACES if directory.is_there(tag)]
    strips, most = max(counts, default=0), limits.max_tiff_strips
    if strips > most:
        what = "the TIFF has too many parts"
        raise SourceTooLarge(what, "max_tiff_strips", most, strips, "strips or tiles")


def size_in(data: Content) -> Size:
    """Read the size of a file's first page; SourceCorrupt if there is none."""
    return _size(Directory(data))


def read_layout(data: Content) -> Layout:
    """Read a file's first directory; SourceCorrupt if it is none or lacks what it needs."""
    directory = Directory(data)
    size = _size(directory)
    if max(size) > LONGEST:
        raise SourceCorrupt(f"the image cannot be decoded: it claims to have {size} pixels")
    samples = _number(directory, Tag.SAMPLES, 1)
    compression = _number(directory, Tag.COMPRESSION, Compression.NONE)
    photometric = _number(directory, Tag.PHOTOMETRIC, _colours_of(samples, compression))
    return Layout(
        size=size,
        photometric=photometric,
        compression=compression,
        bits=_each(directory, Tag.BITS, samples, 1),
        numbers=_each(directory, Tag.SAMPLE_FORMAT, samples, Numbers.UNSIGNED),
        samples=samples,
        extras=_extras(directory, photometric, samples),
        planar=samples > 1 and _number(directory, Tag.PLANAR, 1) == 2,
        predictor=_number(directory, Tag.PREDICTOR, 1),
        is_big_endian=directory.order == ">",
        orientation=_number(directory, Tag.ORIENTATION, 1),
        ink_set=_number(directory, Tag.INK_SET, 1),
        subsampling=_subsampling(directory),
        coefficients=_coefficients(directory),
        black_and_white=_black_and_white(directory),
        colour_map=tuple(directory.numbers(Tag.COLOUR_MAP, MOST_COLOURS)),
        is_preview=_is_preview(directory),
        chunks=_chunks(directory, size),
    )


def _coefficients(directory: Directory) -> tuple[float, ...]:
    found = tuple(directory.values(Tag.YCBCR_COEFFICIENTS, 3))
    return found if len(found) == 3 and all(0 < each < 1 for each in found) else REC_601


def _black_and_white(directory: Directory) -> tuple[float, ...]:
    found = tuple(directory.values(Tag.REFERENCE_BLACK_WHITE, 6))
    ranges = zip(found[::2], found[1::2], strict=False)
    usable = len(found) == 6 and all(0 <= low < high <= 65_535 for low, high in ranges)
    return found if usable else FULL_RANGE


def _is_preview(directory: Directory) -> bool:
    reduced = _number(directory, Tag.SUBFILE_TYPE, 0) & REDUCED
    return bool(reduced and Tag.SUB_DIRECTORIES in directory) or Tag.DNG_VERSION in directory


def _number(directory: Directory, tag: Tag, default: int) -> int:
    """Give a field's only number; SourceCorrupt for a field that is there and has no such."""
    if tag not in directory:
        return default
    found = directory.numbers(tag, 1)
    if len(found) != 1 or directory.count(tag) != 1:
        raise SourceCorrupt(f"the image cannot be decoded: its TIFF field {tag} cannot be read")
    return found[0]


def _size(directory: Directory) -> Size:
    size = Size(_number(directory, Tag.WIDTH, 0), _number(directory, Tag.HEIGHT, 0))
    if size.width <= 0 or size.height <= 0:
        raise SourceCorrupt("the image cannot be decoded: its TIFF directory tells no size")
    return size


def _colours_of(samples: int, compression: int) -> int:
    """Guess what is not told, as libtiff does: a fax is black on white."""
    if samples >= 3:
        return Photometric.RGB
    return Photometric.WHITE_IS_ZERO if compression in OF_FAX else Photometric.BLACK_IS_ZERO


def _each(directory: Directory, tag: Tag, samples: int, default: int) -> tuple[int, ...]:
    """Give what a field says of the samples, each answer once; one may speak for all."""
    found = directory.numbers(tag, min(samples, MOST_SAMPLES)) or (default,)
    return tuple(dict.fromkeys(found))


def _extras(directory: Directory, photometric: int, samples: int) -> tuple[int, ...]:
    """Tell what the samples beyond the colours mean.

    The field speaks of the last samples. Where there is none, one sample more than grey or RGB
    need is taken for opacity, as most readers do.
    """
    beyond = min(samples, MOST_SAMPLES) - COLOURS.get(photometric, samples)
    if beyond <= 0:
        return ()
    told = tuple(directory.numbers(Tag.EXTRA_SAMPLES, beyond))
    usual = {Photometric.BLACK_IS_ZERO, Photometric.WHITE_IS_ZERO, Photometric.RGB}
    if Tag.EXTRA_SAMPLES not in directory and beyond == 1 and photometric in usual:
        return (Extra.ALPHA,)
    return (Extra.UNSPECIFIED,) * (beyond - len(told)) + told


def _subsampling(directory: Directory) -> tuple[int, int]:
    across, down = (*directory.numbers(Tag.YCBCR_SUBSAMPLING, 2), 2, 2)[:2]
    return across, down


def _chunks(directory: Directory, size: Size) -> Chunks:
    tiled = Tag.TILE_WIDTH in directory or Tag.TILE_OFFSETS in directory
    if tiled:
        chunk = Size(_number(directory, Tag.TILE_WIDTH, 0), _number(directory, Tag.TILE_HEIGHT, 0))
        places = Tag.TILE_OFFSETS, Tag.TILE_LENGTHS
    else:
        rows = _number(directory, Tag.ROWS_PER_STRIP, 0) or size.height
        chunk = Size(size.width, min(rows, size.height))
        places = Tag.STRIP_OFFSETS, Tag.STRIP_LENGTHS
    if chunk.width <= 0 or chunk.height <= 0:
        raise SourceCorrupt("the image cannot be decoded: its tiles have no size")
    offsets, lengths = (directory.numbers(tag, directory.count(tag)) for tag in places)
    return Chunks(chunk, tiled, offsets, lengths)
