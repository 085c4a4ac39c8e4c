"""Pixels as palette indices, and PNG files of such pixels."""

import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from struct import pack

from engine.sources import Content, Facts, Source, SourceFormat, gif, packing, png, tiff
from engine.vips.binding import GValue, Image
from engine.vips.images import PROFILE, image_from_table

PACKED: dict[SourceFormat, Callable[[Content], packing.Packing]] = {
    SourceFormat.PNG: png.packing_of,
    SourceFormat.GIF: gif.packing_of,
    SourceFormat.TIFF: tiff.packing_of,
}
_HEADER = 33  # bytes of a PNG up to the end of its first chunk
_KIND = 25  # where that tells whether pixels are levels or places in a palette
_PLACES = 3  # the kind of pixels that are places


def packing_of(content: Content, source_format: SourceFormat, profiled: bool) -> packing.Packing:
    """Return how pixels are packed in a file; levels of few bits are a palette to a profile."""
    read = PACKED.get(source_format)
    found = read(content) if read else packing.PLAIN
    few = found.bits < 8 and not found.colours
    return packing.levels(found.bits) if profiled and few else found


def colours_of(source: Source, facts: Facts, profile: bytes) -> Image:
    """Return the source's colours side by side, as an image of its bands and with its profile."""
    colours = packing_of(source.content, facts.format, facts.profile).colours
    wanted = [*range(facts.bands), *[3] * facts.alpha]
    samples = bytes(colour[band] for colour in colours for band in wanted)
    image: Image = Image.new_from_memory(samples, len(colours), 1, len(wanted), "uchar")
    image = image.copy(interpretation="b-w" if facts.bands == 1 else "srgb")
    if profile:
        image.set_type(GValue.blob_type, PROFILE, profile)
    return image


class Palette:
    """The colours that an image may have, three or four bytes each, and how they are found."""

    def __init__(self, colours: Sequence[bytes]) -> None:
        self.colours = tuple(dict.fromkeys(colours))
        self._tables = list(_tables(self.colours))

    @classmethod
    def of(cls, row: Image) -> "Palette":
        """Take an image's pixels."""
        samples, bands = bytes(row.write_to_memory()), row.bands
        return cls([samples[at : at + bands] for at in range(0, len(samples), bands)])

    def places(self, image: Image) -> Image:
        """Return each pixel's place, band by band; what is no colour of it has the first."""
        place = image[0]
        for band, table in enumerate(self._tables, 1):
            pair = (place.cast("ushort") << 8) + image[band]
            place = pair.cast("ushort").maplut(image_from_table((table,)))
        return place.copy(interpretation="b-w")

    def written_into(self, grey: bytes) -> bytes:
        """Make a PNG of grey levels one of places in this palette; levels are places."""
        header = grey[12:_KIND] + bytes([_PLACES]) + grey[_KIND + 1 : _HEADER - 4]
        chunks = [
            grey[:8],
            _chunk(header),
            _chunk(b"PLTE" + b"".join(colour[:3] for colour in self.colours)),
        ]
        alphas = b"".join(colour[3:] for colour in self.colours).rstrip(b"\xff")
        chunks += [_chunk(b"tRNS" + alphas)] if alphas else []
        return b"".join([*chunks, memoryview(grey)[_HEADER:]])


def _chunk(body: bytes) -> bytes:
    return pack(">I", len(body) - 4) + body + pack(">I", zlib.crc32(body))


def _tables(colours: Sequence[bytes]) -> list[bytes]:
    """Make the tables that find a colour by one more of its bands each.

    The first begins of colours are numbered, then those with one more band: no more than there
    are colours, so a number and the next band are 16 bits.
    """
    tables, numbers = [], {bytes([level]): level for level in range(256)}
    for begun, length in pairwise(range(1, len(colours[0]) + 1)):
        table, longer = bytearray(65_536), dict[bytes, int]()
        for colour in colours:
            number = longer.setdefault(colour[:length], len(longer))
            table[numbers[colour[:begun]] << 8 | colour[begun]] = number
        tables.append(bytes(table))
        numbers = longer
    return tables
