"""JPEG's outer structure: repairs harmless faults before libjpeg reports them.

libjpeg tells the first of its warnings only, and a missing end looks to it like missing data.
So what every viewer passes over is set right in a copy: whatever it then warns of is in the data.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from engine.sources.source import Buffer, Content

_SOS, _DHP, _EOI = 0xDA, 0xDE, b"\xff\xd9"  # DHP announces frames that refine each other
_SEQUENTIAL = {0xC0, 0xC1, 0xC9}  # frames whose scans hold all 64 coefficients
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_WHOLE = b"\0\x3f\0"  # how a scan of such a frame says so
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_MARKER = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)
_MARKERS = {bytes([0xFF, kind]) for kind in range(1, 0xFF)}
_SCAN = re.compile(rb"\xff\xda\0[\x06-\x0c]")  # in no data
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_STRAY = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
MOST_SCANS = 12  # that are asked about, each with those before; progressive files have about ten
# Kinds of JPEG that libjpeg-turbo, or libvips with it, does not decode.
_REFUSED = {
    0xC3: "lossless JPEG", 0xC5: "hierarchical JPEG", 0xC6: "hierarchical JPEG",
    0xC7: "lossless hierarchical JPEG", 0xCB: "lossless arithmetic JPEG",
    0xCD: "hierarchical arithmetic JPEG", 0xCE: "hierarchical arithmetic JPEG",
    0xCF: "lossless hierarchical arithmetic JPEG", _DHP: "hierarchical JPEG",
}  # fmt: skip
_DEEP = {0xC1: "JPEG of 12 bits", 0xC2: "JPEG of 12 bits", 0xC9: "arithmetic JPEG of 12 bits",
         0xCA: "arithmetic JPEG of 12 bits"}  # fmt: skip
_APP, _COMMENT = range(0xE0, 0xF0), 0xFE
_USED = (b"JFIF\0", b"Exif\0", b"http://ns.adobe.com/xap/", b"Photoshop 3.0\0",
         b"Adobe")  # fmt: skip
MOST_UNUSED = 1 << 20  # bytes of segments that nobody reads, which libjpeg copies
_PROFILE, MOST_PROFILE = b"ICC_PROFILE\0", 255  # segments, which are counted in a byte
_JOINED = 100  # of them are read by libvips: 6.5 MB
MOST_SEGMENTS = 4096  # before the first scan; files that anybody wrote have about twenty


class _Segment(NamedTuple):
    """A marker with its bytes; `after` is where the one before it ends."""

    kind: int
    after: int
    start: int
    end: int


class _Patch(NamedTuple):
    start: int
    end: int
    content: bytes


def mended(data: Buffer) -> Buffer:
    """Give the same bytes, or a copy without the faults that change no pixel.

    They are a missing end marker, Samsung's scans that name other coefficients than their
    frame has, bytes between two segments of the header, revisions of JFIF and transforms of Adobe
    that nobody knows, and much metadata that nobody reads.
    """
    segments = list(_header(data))
    if not segments or segments[-1].kind != _SOS:
        return data
    ends = data[-2:] == _EOI or data.rfind(_EOI, segments[-1].end) >= 0  # type: ignore[union-attr]
    unused = list(_unused(data, segments))
    patches = [*_junk(data, segments), *unused, *_scans(data, segments), *_odd(data, segments)]
    patches.sort()
    if ends and not patches:
        return data
    return _patched(data, patches) + (b"" if ends else _EOI)


def without_stray_bytes(data: Buffer, complaint: Callable[[bytes], str]) -> bytes | None:
    """Leave out what lies behind scans' data and between segments; None if there is nothing.

    `complaint` gives the first thing that libjpeg says of a file, which tells only the first:
    each scan is asked about as the last of a file. None if anything else is said of one, and if
    the bytes differ: a writer leaves the same in each place, as far as libjpeg has not read them
    ahead, but what is overwritten ends scans and segments too early, each with others.
    """
    made, segments, strays = bytearray(data[:2]), list(_header(data)), [b""]
    for _ in range(MOST_SCANS):
        strays += (bytes(data[each.after : each.start]).strip(b"\xff") for each in segments)
        if not all(max(strays, key=len).endswith(each) for each in strays):
            return None
        for segment in segments[:-1]:
            made += data[segment.start : segment.end]
        last = segments[-1].kind if segments else None
        if last == _EOI[1]:
            changed = len(made) < segments[-1].start
            return bytes(made + _EOI) if changed else None
        if last != _SOS:
            return None
        made += data[segments[-1].start : segments[-1].end]
        end = _SCAN_END.search(data, segments[-1].end)
        if end is None:
            return None
        made += data[segments[-1].end : end.start()]
        if words := complaint(bytes(made + _EOI)):
            stray = _STRAY.fullmatch(words)
            if stray is None:
                return None
            strays.append(bytes(made[-int(stray[1]) :]))
            del made[-int(stray[1]) :]
        segments = list(_header(data, end.start()))
    return None


def refused_kind(data: Content) -> str:
    """Name the kind of a file that is not decoded here; empty for one that is.

    Nothing behind the frame is read. Raises MissingBytes of a partial source that ends before it.
    """
    frame = next((each for each in _header(data) if each.kind in {_DHP, *_FRAMES}), None)
    if frame is None:
        return ""
    bits = bytes(data[frame.start + 4 : frame.start + 5])
    return _REFUSED.get(frame.kind) or (_DEEP.get(frame.kind, "") if bits == b"\x0c" else "")


class Scan(NamedTuple):
    """The first scan: the marker of its frame, the least of its blocks, and where its data begin.

    `starts_late` tells that it does not begin with the first bits of the first coefficients.
    """

    kind: int
    blocks: int
    data: int
    starts_late: bool


def first_scan(data: Content) -> Scan | None:
    """Read of how many blocks the first scan is; None if there is none."""
    frame = None
    for segment in _header(data):
        body = bytes(data[segment.start + 4 : segment.end])
        if segment.kind in _FRAMES:
            frame = segment.kind, body
        elif segment.kind == _SOS and frame is not None:
            named = {body[1 + 2 * at] for at in range(body[0])}
            first, _, bits = body[-3:]
            blocks = _blocks(frame[1], named)
            return Scan(frame[0], blocks, segment.end, starts_late=bool(first or bits >> 4))
    return None


def _blocks(frame: bytes, named: set[int]) -> int:
    """Count the blocks of some components of a frame, without those that only fill up."""
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    parts = [frame[at : at + 2] for at in range(6, 6 + 3 * frame[5], 3)]
    factors = [(part[0], part[1] >> 4, part[1] & 15) for part in parts]
    most_across, most_down = (max(each[at] for each in factors) or 1 for at in (1, 2))
    return sum(
        -(-width * across // (8 * most_across)) * -(-height * down // (8 * most_down))
        for name, across, down in factors
        if name in named
    )


def _header(data: Content, at: int = 2) -> Iterator[_Segment]:
    """List the segments from a place up to the next scan's; none is looked into."""
    for _ in range(MOST_SEGMENTS):
        start = at if bytes(data[at : at + 2]) in _MARKERS else _next_marker(data, at)
        if start is None:
            return
        kind, end = data[start + 1], start + 2
        if kind not in _ALONE:
            end += int.from_bytes(data[end : end + 2], "big")
        yield _Segment(kind, at, start, end)
        if kind in {_SOS, _EOI[1]}:
            return
        at = end


def _next_marker(data: Content, at: int) -> int | None:
    if isinstance(data, Buffer):
        found = _MARKER.search(data, at)
        return found.start() if found else None
    # Of a partial source no byte is asked for that is not needed.
    places = range(at, len(data) - 1)
    return next((each for each in places if data[each] == 0xFF and 0 < data[each + 1] < 0xFF), None)


def _junk(data: Buffer, segments: list[_Segment]) -> Iterator[_Patch]:
    """Leave out what lies between two segments; 0xFF is padding, and nothing to libjpeg."""
    for segment in segments:
        if bytes(data[segment.after : segment.start]).strip(b"\xff"):
            yield _Patch(segment.after, segment.start, b"")


def _unused(data: Buffer, segments: list[_Segment]) -> Iterator[_Patch]:
    """Leave out comments and applications' segments of no known kind, if they are long."""
    heads = {each: bytes(data[each.start + 4 : each.start + 32]) for each in segments}
    profile = [each for each in segments if heads[each].startswith(_PROFILE)]
    joined = {*profile[:_JOINED]} if len(profile) <= MOST_PROFILE else set()
    unused = [
        each
        for each, head in heads.items()
        if (each.kind == _COMMENT or each.kind in _APP)
        and not (each in joined or head.startswith(_USED))
    ]
    if _length(unused) > MOST_UNUSED:
        yield from (_Patch(each.start, each.end, b"") for each in unused)


def _odd(data: Buffer, segments: list[_Segment]) -> Iterator[_Patch]:
    """Write the revision and the transform that libjpeg assumes for what it does not know."""
    frame = next((each for each in segments if each.kind in _FRAMES), None)
    of_four = frame is not None and bytes(data[frame.start + 9 : frame.start + 10]) == b"\4"
    for each in segments:
        head = bytes(data[each.start + 4 : min(each.end, each.start + 16)])
        if each.kind == _APP[0] and head[:5] == b"JFIF\0" and len(head) >= 6 and head[5] != 1:
            yield _Patch(each.start + 9, each.start + 10, b"\1")
        elif each.kind == _APP[14] and head[:5] == b"Adobe" and len(head) == 12:
            usual = 2 if of_four else 1
            if head[11] not in {0, usual}:
                yield _Patch(each.start + 15, each.start + 16, bytes([usual]))


def _length(segments: list[_Segment]) -> int:
    return sum(each.end - each.start for each in segments)


def _scans(data: Buffer, segments: list[_Segment]) -> Iterator[_Patch]:
    """Let every scan of a sequential frame say that it holds all coefficients."""
    frame = next((segment.kind for segment in segments if segment.kind in _FRAMES), None)
    first = segments[-1]
    if frame not in _SEQUENTIAL or data[first.end - 3 : first.end] == _WHOLE:
        return
    for found in _SCAN.finditer(data[first.start :]):
        end = first.start + found.start() + 2 + found[0][-1]
        yield _Patch(end - 3, end, _WHOLE)


def _patched(data: Buffer, patches: list[_Patch]) -> bytes:
    parts, at = [], 0
    for patch in patches:
        parts += [data[at : patch.start], patch.content]
        at = patch.end
    return b"".join([*parts, data[at:]])
