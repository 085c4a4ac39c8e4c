"""PNG's chunks: colour and orientation from its metadata.

libvips gives EXIF that stands before the pixels, and takes no notice of cICP, gAMA and cHRM.
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice
from struct import error as unpackable
from struct import unpack
from typing import NamedTuple

from engine.sources.metadata import icc
from engine.sources.packing import BLACK, PLAIN, Colour, Packing, indexed, levels
from engine.sources.partial_source import BLOCK
from engine.sources.source import Content
from engine.sources.tiff import Directory, Tag

MOST_CHUNKS = 1000  # before the pixels
LONGEST_TEXT = 1 << 20  # bytes of text, unpacked
MOST_FOUND = 16  # places where EXIF may begin
_EXIF = re.compile(rb"eXIf")
_TEXTS = {b"Raw profile type exif", b"Raw profile type APP1"}
_GREY = {0, 4}  # colour types
_LEVELS, _PLACES = 0, 3  # colour types of pixels that one number tells


class Colours(NamedTuple):
    """What a file says of its colours beside an ICC profile of its own.

    `profile` describes them, empty if it need not: they are sRGB, or nothing is said. `unknown`
    names what nobody here can read. If `certain` it goes before an ICC profile in the file.
    """

    profile: bytes = b""
    certain: bool = False
    unknown: str = ""


def exif_of(data: Content) -> bytes:
    """Return EXIF, wherever its chunk stands, or from the text that ImageMagick writes it in.

    Empty if there is none. What browsers show is turned by the chunk.
    """
    texts: list[bytes] = []
    for name, body in _head(data):
        if name == b"eXIf":
            return body
        if name in {b"tEXt", b"zTXt"}:
            texts.append(_raw_profile(name, body))
    return next(filter(None, [*_behind_pixels(data), *texts]), b"")


def orientation_of(exif: bytes) -> int:
    """Return EXIF's orientation, 1 to 8; 1 if it has none."""
    values = Directory(exif.removeprefix(b"Exif\0\0")).numbers(Tag.ORIENTATION, 1)
    return values[0] if values and 1 <= values[0] <= 8 else 1


def colours_of(data: Content) -> Colours:
    """Read cICP, or gAMA with cHRM where neither a profile nor sRGB is said to be there."""
    chunks: dict[bytes, bytes] = {}
    for name, body in _head(data):
        chunks.setdefault(name, body)
    grey = chunks.get(b"IHDR", bytes(13))[9:10] in {bytes([kind]) for kind in _GREY}
    if len(code := chunks.get(b"cICP", b"")) == 4:
        return _of_code_points(code, grey)
    if {b"iCCP", b"sRGB"} & chunks.keys() or not {b"gAMA", b"cHRM"} <= chunks.keys():
        return Colours()
    return Colours(_of_gamma(chunks, grey) or b"")


def packing_of(data: Content) -> Packing:
    """Read how pixels are packed; a level that is transparent makes all levels a palette."""
    chunks: dict[bytes, bytes] = {}
    for name, body in _head(data):
        chunks.setdefault(name, body)
    bits, kind, *_ = chunks.get(b"IHDR", bytes(13))[8:]
    if bits not in {1, 2, 4, 8} or kind not in {_LEVELS, _PLACES}:
        return PLAIN
    clear = chunks.get(b"tRNS", b"")
    if kind == _PLACES:
        return indexed(_palette(chunks.get(b"PLTE", b""), clear, 2**bits))
    if not clear:
        return Packing(bits)
    return levels(bits, hidden=int.from_bytes(clear[:2], "big") % 2**bits)


def _palette(colours: bytes, alphas: bytes, places: int) -> list[Colour]:
    """List a palette's colours; a place beyond them is black, as libpng has it."""
    count = min(len(colours) // 3, places)
    opaque = alphas[:count].ljust(count, b"\xff")
    listed = [(*colours[3 * at : 3 * at + 3], opaque[at]) for at in range(count)]
    return [*listed, *[BLACK] * (count < places)]


def _of_code_points(code: bytes, grey: bool) -> Colours:
    primaries, transfer, matrix, full = code
    unknown = f"PNG with the colours {primaries}/{transfer}/{matrix}/{full} of cICP"
    if matrix != 0 or full != 1:
        return Colours(certain=True, unknown=unknown)
    try:
        return Colours(icc.of_code_points(primaries, transfer, grey) or b"", certain=True)
    except KeyError:
        return Colours(certain=True, unknown=unknown)


def _of_gamma(chunks: Mapping[bytes, bytes], grey: bool) -> bytes | None:
    try:
        (gamma,) = unpack(">I", chunks[b"gAMA"])
        numbers = [number / 100_000 for number in unpack(">8I", chunks[b"cHRM"])]
        places = icc.Chromaticities(*zip(numbers[::2], numbers[1::2], strict=True))
        return icc.of_gamma(places, 100_000 / gamma, grey)
    except (unpackable, ZeroDivisionError):
        return None


def _head(data: Content) -> Iterator[tuple[bytes, bytes]]:
    """List the chunks before the pixels."""
    at = 8
    for _ in range(MOST_CHUNKS):
        head = bytes(data[at : at + 8])
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if name in {b"IDAT", b"IEND", b""}:
            return
        at += 8
        yield name, bytes(data[at : at + min(length, LONGEST_TEXT)])
        at += length + 4


def _behind_pixels(data: Content) -> Iterator[bytes]:
    """Find EXIF in the last block of the file, where its checksum proves it to be a chunk."""
    tail = bytes(data[max(0, len(data) - BLOCK) :])
    for found in islice(_EXIF.finditer(tail), MOST_FOUND):
        at = found.start()
        length = int.from_bytes(tail[at - 4 : at], "big")
        end = at + 4 + length
        if zlib.crc32(tail[at:end]).to_bytes(4, "big") == tail[end : end + 4]:
            yield tail[at + 4 : end]


def _raw_profile(name: bytes, body: bytes) -> bytes:
    """Return the EXIF that a text holds in hexadecimal; empty if it is another text."""
    key, _, text = body.partition(b"\0")
    if key not in _TEXTS:
        return b""
    if name == b"zTXt":
        try:
            text = zlib.decompressobj().decompress(text[1:], LONGEST_TEXT)
        except zlib.error:
            return b""
    *_, digits = text.split(None, 2) or [b""]  # behind a name and a length
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return b""
