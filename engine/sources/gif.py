"""GIF's structure: whether a file is complete, and the corrections that libnsgif needs.

libnsgif gives what it finds of a file that was cut short, drops the last pixels of data without
an end code, and clears a frame to the background's colour where browsers clear it to nothing.
libvips leaves out alpha unless a frame names a transparent colour.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, pairwise
from struct import pack, unpack
from typing import NamedTuple

from engine.sources.packing import BLACK, CLEAR, PLAIN, Packing, indexed
from engine.sources.source import Buffer, Content

EXTENSION, IMAGE, _TRAILER, _CONTROL = 0x21, 0x2C, 0x3B, 0xF9
_SCREEN, _DESCRIPTOR = 13, 10  # bytes of the header and of an image's description
_BACKGROUND, _PREVIOUS = 2, 3  # what a frame is disposed to
_MOST_KEPT = 200  # places of frames that are compared with every later one
_LONG_EXTENSION = 64 * 1024  # bytes
_RUN, _LONGEST_RUN = 32, 32 * 1024  # blocks that are skipped at once
_MOST_BITS = 8  # of a code that names a colour
_MOST_CODES = 4096  # of a table, each of which may name one pixel more than the one before
_NOWHERE = 255  # a colour that codes of less than 8 bits cannot name
_MORE = b"\x01\0"  # a block of data: the last code is read to its end
# A pixel of nothing: a frame that names a transparent colour, so that there is alpha.
_CLEAR = b"!\xf9\x04\1\0\0\0\0,%s\1\0\1\0\0\2\2D\1\0"
_AT_THE_TOP = _CLEAR % bytes(4)
# Canvases that libnsgif takes for a screen's, and gives the first frame's size instead.
_SCREENS = {(640, 480), (640, 512), (800, 600), (1024, 768), (1280, 1024), (1600, 1200)}
_LARGEST_SCREEN = 2048


class Rectangle(NamedTuple):
    """A frame's place on the canvas; `right` and `bottom` lie outside."""

    left: int
    top: int
    right: int
    bottom: int

    def covers(self, other: "Rectangle") -> bool:
        """Whether nothing of another is seen beside it."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )

    def meets(self, other: "Rectangle") -> bool:
        """Whether they share a pixel."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


class Frame(NamedTuple):
    """One image of the file: where its parts lie in the bytes, and how it is shown.

    `control` is where the flags lie of the extension before it, 0 without. From `start` on is
    its description, from `data` on its code size and blocks, which end before `end`: that is one
    beyond the bytes if the empty block lacks, or more.
    """

    control: int
    flags: int
    start: int
    data: int
    end: int
    place: Rectangle

    @property
    def disposal(self) -> int:
        """What becomes of it before the next is drawn."""
        return self.flags >> 2 & 7

    @property
    def transparent(self) -> bool:
        """Whether it names a transparent colour."""
        return bool(self.flags & 1)


def is_cut_short(data: Content) -> bool:
    """Return whether the bytes end within a header or an extension.

    A missing trailer is forgiven. Whether pixels are missing where they end within a frame's
    blocks, see `is_open`, only a decoder can tell.
    """
    try:
        for _ in _frames(data):
            pass
    except IndexError:
        return True
    return False


def is_open(data: Content) -> bool:
    """Return whether the bytes end within the blocks of a frame, or right behind them."""
    frames = frames_of(data)
    return bool(frames) and frames[-1].end > len(data)


def has_hidden_alpha(data: Content) -> bool:
    """Return whether some of the canvas is seen that no frame covers, and no frame tells of it."""
    return _leaves_holes(data, frames_of(data))


def packing_of(data: Content) -> Packing:
    """Read the palette of the first frame, with what is seen where it covers nothing."""
    with suppress(IndexError):
        for frame in _frames(data):
            table = _colours(data, frame)
            colours = [(*table[at : at + 3], 255) for at in range(0, len(table), 3)]
            if frame.transparent and (place := data[frame.control + 3]) < len(colours):
                colours[place] = CLEAR
            holes = frame.transparent or not frame.place.covers(_canvas(data))
            beyond = 2 ** data[frame.data] > len(colours)
            return indexed([*colours, *[BLACK] * beyond, *[CLEAR] * holes])
    return PLAIN


def _colours(data: Content, frame: Frame) -> bytes:
    """Return the bytes of a frame's table of colours: its own, or that of all frames."""
    own = data[frame.start + _DESCRIPTOR - 1]
    flags, at = (own, frame.start + _DESCRIPTOR) if own & 0x80 else (data[_SCREEN - 3], _SCREEN)
    return bytes(data[at : at + _table(flags)])


def lacks_a_corner(data: Content) -> bool:
    """Return whether libnsgif would cut the canvas off behind the first frame.

    `mended` has a frame more then, before the others, which is at the corner and shows nothing.
    """
    with suppress(IndexError):
        for frame in _frames(data):
            canvas = _canvas(data)
            size = canvas.right, canvas.bottom
            doubted = size in _SCREENS or max(size) > _LARGEST_SCREEN
            reached = frame.place.right >= canvas.right and frame.place.bottom >= canvas.bottom
            return doubted and min(size) > 0 and not reached
    return False


def frames_of(data: Content) -> list[Frame]:
    """List the frames whose data begin."""
    frames: list[Frame] = []
    with suppress(IndexError):
        frames.extend(_frames(data))
    return frames


def first_frames(data: Content, pages: int) -> Iterator[Frame]:
    """List the first frames that have pixels, all on the canvas."""
    with suppress(IndexError):
        yield from (frame for frame in islice(_frames(data), pages) if _is_seen(data, frame))


def _is_seen(data: Content, frame: Frame) -> bool:
    canvas = _canvas(data)
    return canvas.covers(frame.place) and frame.place.meets(canvas)


def is_short(data: Content, frame: Frame) -> bool:
    """Return whether a frame has more pixels than codes in its bytes could name.

    After n codes the next one names n + 1 pixels at most, until the table is full.
    """
    left, top, right, bottom = frame.place
    codes = 8 * (frame.end - frame.data) // (data[frame.data] + 1)
    grown = min(codes, _MOST_CODES)
    most = grown * (grown + 1) // 2 + (codes - grown) * _MOST_CODES
    return (right - left) * (bottom - top) > most


def mended(data: Buffer) -> Buffer:
    """Return a copy in which libnsgif sees what browsers show."""
    data = _without_long_extensions(data)
    view = memoryview(data)  # so that parts are copied once
    frames = frames_of(data)
    if not frames:
        return data
    flags = dict(_disposals(data, frames))
    parts: list[bytes | memoryview] = []
    at = 0
    if lacks_a_corner(data):
        at = after_screen(data)
        _, _, right, bottom = _canvas(data)
        parts += [view[:at], _CLEAR % pack("<2H", right - 1, bottom - 1)]
    for frame in frames:
        if frame.control in flags:
            parts += [view[at : frame.control], flags[frame.control]]
            at = frame.control + 4
        parts += [view[at : frame.start], _described(data, frame)]
        parts += [*_blocks(view, frame), _MORE]
        at = frame.end - 1
    cut = frames[-1].end > len(data)
    holes = _leaves_holes(data, frames)
    end = frames[-1].end if holes else _end_of_blocks(data, frames[-1].end)
    ends = cut or holes or end < len(data)
    parts += [view[at:end], b"\0" * cut, _AT_THE_TOP * holes, bytes([_TRAILER]) * ends]
    return b"".join(parts)


def _without_long_extensions(data: Buffer) -> Buffer:
    """Leave out comments and the like that are long, and nothing to a picture: copies take time."""
    view, parts, kept = memoryview(data), list[memoryview](), 0
    with suppress(IndexError):
        at = after_screen(data)
        while data[at] in {EXTENSION, IMAGE}:
            end = after_blocks(data, before_blocks(data, at))
            if data[at] == EXTENSION and end - at > _LONG_EXTENSION:
                parts.append(view[kept:at])
                kept = end
            at = end
    return b"".join([*parts, view[kept:]]) if parts else data


def _blocks(data: memoryview, frame: Frame) -> Iterator[bytes | memoryview]:
    """Yield a frame's code size and blocks without the empty one, the last as long as it is."""
    if frame.end <= len(data):
        yield data[frame.data : frame.end - 1]
        return
    last = frame.data + 1
    while last < len(data) and (after := last + 1 + data[last]) < len(data):
        last = after
    yield data[frame.data : last]
    if rest := data[last + 1 :]:
        yield bytes([len(rest)])
        yield rest


def _end_of_blocks(data: Content, at: int) -> int:
    """Skip what follows the last frame, up to the trailer or what browsers take for one.

    That is a byte that begins no block. What is cut off stays.
    """
    with suppress(IndexError):
        while data[at] in {EXTENSION, IMAGE}:
            at = after_blocks(data, before_blocks(data, at))
        return at
    return len(data)


def alone(data: Buffer, pages: int) -> Iterator[bytes]:
    """Write the first frames as files of their own, all of which is opaque if they are whole.

    The canvas is as large as the frame. One that has no pixel, or lies beside the canvas of the
    whole, is left out.
    """
    for frame in first_frames(data, pages):
        yield _alone(data, frame)


def last_alone(data: bytes, without: int = 0) -> tuple[bytes, bytes] | None:
    """Write the last frame as `alone` does, twice: what lacks of its last code is zeros and ones.

    Its pixels are all there, also `without` the last bytes, if both are opaque and alike. None if
    it cannot be shown alone.
    """
    frame = frames_of(data)[-1]
    data = data[: len(data) - without]
    if not _is_seen(data, frame) or is_short(data, frame) or frame.data + 1 >= len(data):
        return None
    return _alone(data, frame), _alone(data, frame, b"\1\xff")


def _alone(data: Buffer, frame: Frame, more: bytes = _MORE) -> bytes:
    head, image = bytearray(data[: after_screen(data)]), bytearray(_described(data, frame))
    head[6:10] = image[5:9]
    image[1:5] = bytes(4)
    blocks = _blocks(memoryview(data), frame)
    return b"".join([head, image, *blocks, more, b"\0", _AT_THE_TOP, bytes([_TRAILER])])


def _described(data: Content, frame: Frame) -> bytes:
    """Return a frame's description with a table of all colours that its codes can name.

    Those that the file does not tell are black, as browsers have them; to libnsgif they are no
    pixels at all.
    """
    bits, colours = min(data[frame.data], _MOST_BITS), _colours(data, frame)
    head = bytes(data[frame.start : frame.data])
    if not colours or len(colours) >= 3 * 2**bits:
        return head
    flags = head[_DESCRIPTOR - 1] & 0x7F & ~7 | 0x80 | bits - 1
    return head[: _DESCRIPTOR - 1] + bytes([flags]) + colours.ljust(3 * 2**bits, b"\0")


def _frames(data: Content) -> Iterator[Frame]:
    """Follow the blocks; IndexError where one is cut off that is no frame's data."""
    at = after_screen(data)
    control = flags = 0
    while at < len(data) and data[at] in {EXTENSION, IMAGE}:
        if data[at] == IMAGE:
            body = before_blocks(data, at) - 1  # IndexError if the description is cut off
            start, left, top, width, height = at, *unpack("<4H", data[at + 1 : at + 9])
            at = _after_data(data, body)
            place = Rectangle(left, top, left + width, top + height)
            yield Frame(control=control, flags=flags, start=start, data=body, end=at, place=place)
            control = flags = 0
        else:
            if data[at + 1] == _CONTROL and data[at + 2] == 4:
                control, flags = at + 3, data[at + 3]
            at = after_blocks(data, before_blocks(data, at))


def _after_data(data: Content, at: int) -> int:
    """Skip a code size and its blocks; IndexError if none begins, one beyond the bytes if cut."""
    _ = data[at + 1]
    try:
        return after_blocks(data, at + 1)
    except IndexError:
        return len(data) + 1


def _canvas(data: Content) -> Rectangle:
    return Rectangle(0, 0, *unpack("<2H", data[6:10]))


def _leaves_holes(data: Content, frames: Sequence[Frame]) -> bool:
    if not frames or any(frame.transparent for frame in frames):
        return False
    return not frames[0].place.covers(_canvas(data)) or any(
        _clears(at, frame) and not after.place.covers(frame.place)
        for at, (frame, after) in enumerate(pairwise(frames))
    )


def _clears(at: int, frame: Frame) -> bool:
    """Whether nothing is left of it; before the first frame there is nothing, too."""
    return frame.disposal == _BACKGROUND or (frame.disposal == _PREVIOUS and at == 0)


def _disposals(data: Content, frames: Sequence[Frame]) -> Iterator[tuple[int, bytes]]:
    """Yield new flags, delay and colour for frames that have to be cleared to nothing.

    That is what libnsgif does with one that names a transparent colour. Where codes have 8 bits
    all colours may be in use; then what was before is restored, if nothing was there.
    """
    kept: list[Rectangle] = []
    for frame in frames:
        if frame.disposal != _BACKGROUND:
            if frame.disposal != _PREVIOUS:
                kept.append(frame.place)
        elif not frame.transparent:
            old = bytes(data[frame.control : frame.control + 4])
            if data[frame.data] < 8:
                yield frame.control, bytes([old[0] | 1]) + old[1:3] + bytes([_NOWHERE])
            elif len(kept) <= _MOST_KEPT and not any(place.meets(frame.place) for place in kept):
                flags = old[0] & ~(7 << 2) | _PREVIOUS << 2
                yield frame.control, bytes([flags]) + old[1:]


def after_screen(data: Content) -> int:
    """Return where the first extension or image is."""
    return _SCREEN + _table(data[_SCREEN - 3])


def before_blocks(data: Content, at: int) -> int:
    """Return where the blocks begin of the extension or image at a place."""
    if data[at] == IMAGE:
        return at + _DESCRIPTOR + _table(data[at + _DESCRIPTOR - 1]) + 1
    return at + 2


def _table(flags: int) -> int:
    """Return the bytes of the colour table that a flags byte announces."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def after_blocks(data: Content, at: int, on_runs: Callable[[int], None] = lambda _: None) -> int:
    """Skip blocks, each led by its length, up to and over the empty one that ends them.

    Encoders fill one after the other to the same length: a run of such is skipped at once, and
    the next may be twice as long, so that 120 MB take milliseconds. `on_runs` is told how many runs
    of 32 blocks that were; each block in none counts as one.
    """
    count = _RUN
    while (length := data[at]) != 0:
        step = length + 1
        alike = bytes(data[at : at + count * step : step]) == bytes([length]) * count
        if alike or count == _RUN:
            on_runs(count // _RUN)
            at += step * (count if alike else 1)
        count = min(2 * count, _LONGEST_RUN) if alike else _RUN
    return at + 1
