"""Headers of partial sources: the same facts as of whole files, from few bytes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from engine import DarkroomError, EngineLimits, Facts, Source, read_facts
from engine.sources import BLOCK, MissingBytes, PartialSource, Piece, Reader, to_fetch
from engine.sources import partial_source as pieces_module
from engine.sources.partial_source import Pieces
from tests.engine.images import encoded, noise
from tests.engine.uploads import DELAYS, KINDS, TIFFS, animation, with_orientation, written

LIMITS = EngineLimits(allow_svg=True)
Told = Facts | str


@contextmanager
def file_of(data: bytes) -> Iterator[int]:
    fd = os.memfd_create("file")
    try:
        os.write(fd, data)
        yield fd
    finally:
        os.close(fd)


def told(read: Callable[[], Facts]) -> Told:
    """Return the facts, or the code of what is wrong: libvips' own steps name its source."""
    try:
        return read()
    except DarkroomError as error:
        return error.code


def read_by_pieces(data: bytes) -> tuple[Told, list[Piece]]:
    """Read a header with holes for all that was not asked for, and tell what was."""
    known: list[Piece] = []
    with file_of(bytes(len(data))) as fd:
        while True:
            try:
                return told(lambda: read_facts(PartialSource(fd, len(data), known), LIMITS)), known
            except MissingBytes as missing:
                piece = to_fetch(missing.piece, known, len(data))
                os.pwrite(fd, data[piece.start : piece.end], piece.start)
                known.append(piece)


def whole(data: bytes) -> Told:
    return told(lambda: read_facts(Source.from_bytes(data), LIMITS))


def fetched(known: list[Piece]) -> int:
    ordered = sorted(known, key=lambda piece: piece.start)
    assert all(one.end <= other.start for one, other in pairwise(ordered)), "nothing twice"
    return sum(piece.end - piece.start for piece in known)


@pytest.mark.parametrize("cut", [1, 0.6])
@pytest.mark.parametrize("kind", KINDS | TIFFS)
def test_the_facts_are_those_of_the_whole_file(
    kind: str, cut: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces_module, "BLOCK", 48)
    data = (KINDS | TIFFS)[kind]()
    data = data[: int(cut * len(data))]
    found, known = read_by_pieces(data)
    assert found == whole(data)
    assert fetched(known) <= len(data)


LARGE = noise(640, 480)
FRAMES = [noise(150, 140, seed=seed) for seed in range(6)]


def _chatty_png() -> bytes:
    steps = PngImagePlugin.PngInfo()
    steps.add_text("Comment", "x" * 400_000)
    return encoded(LARGE, pnginfo=steps)


def _chatty_jpeg() -> bytes:
    data = encoded(LARGE, "JPEG")
    return data[:2] + (b"\xff\xe9\xff\xff" + bytes(65_533)) * 7 + data[2:]


def _pages() -> bytes:
    more = [Image.fromarray(noise(300, 200, seed=seed)) for seed in range(3)]
    return encoded(noise(300, 200), "TIFF", save_all=True, append_images=more)


def _avif_with_its_tables_at_the_end() -> bytes:
    """As encoders that stream write it: the images first, and then where they are."""
    data = encoded(LARGE, "AVIF", speed=10)
    meta, pixels = data.index(b"meta") - 4, data.index(b"mdat") - 4
    assert meta < pixels
    tables, moved = bytearray(data[meta:pixels]), pixels - meta
    places = tables.index(b"iloc")
    for at in range(places, places + int.from_bytes(tables[places - 4 : places], "big") - 8):
        place = int.from_bytes(tables[at : at + 4], "big")
        if pixels < place < len(data):
            tables[at : at + 4] = (place - moved).to_bytes(4, "big")
    return data[:meta] + data[pixels:] + tables


ALL = -1
# Real files, made once, each with how many of its bytes are read.
FILES: dict[str, tuple[Callable[[], bytes], int]] = {
    "jpeg": (cache(lambda: encoded(LARGE, "JPEG", quality=95)), BLOCK),
    "jpeg turned": (cache(lambda: with_orientation("JPEG", LARGE, 6)), BLOCK),
    "jpeg with much metadata": (cache(_chatty_jpeg), 8 * BLOCK),
    "png": (cache(lambda: encoded(LARGE)), 3 * BLOCK),
    "png with much metadata": (cache(_chatty_png), 10 * BLOCK),
    "tiff, directory at the end": (cache(lambda: written(LARGE, ".tif", "srgb")), 2 * BLOCK),
    "tiff, four directories": (cache(_pages), 2 * BLOCK),
    "avif": (cache(lambda: encoded(LARGE, "AVIF", speed=10)), BLOCK),
    "avif, tables at the end": (cache(_avif_with_its_tables_at_the_end), 2 * BLOCK),
    "webp": (cache(lambda: encoded(LARGE, "WEBP", quality=90)), ALL),
    "webp turned": (cache(lambda: with_orientation("WEBP", LARGE, 6, lossless=True)), ALL),
    "webp animated": (cache(lambda: animation("WEBP", FRAMES, DELAYS * 2)), ALL),
    "gif": (cache(lambda: encoded(noise(400, 300), "GIF")), ALL),
    "gif animated": (cache(lambda: animation("GIF", FRAMES, DELAYS * 2)), ALL),
    "gif, cut off": (cache(lambda: animation("GIF", FRAMES, DELAYS * 2)[:-2]), ALL),
    "gif, cut off in a frame": (cache(lambda: animation("GIF", FRAMES, DELAYS * 2)[:-99]), ALL),
}


@pytest.mark.parametrize("name", FILES)
def test_no_more_is_read_than_the_format_asks_for(name: str) -> None:
    make, most = FILES[name]
    data = make()
    assert len(data) > 1.5 * BLOCK
    found, known = read_by_pieces(data)
    assert isinstance(found, Facts)
    assert found == whole(data)
    assert fetched(known) <= (len(data) if most == ALL else most)
    assert len(known) <= (2 if most == ALL else 6)


SPANS = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted)


@given(st.lists(SPANS, max_size=3), SPANS)
def test_bytes_are_given_only_if_all_are_there(known: list[list[int]], asked: list[int]) -> None:
    data = bytes(range(10))
    there = {at for start, end in known for at in range(start, end)}
    start, end = asked
    with file_of(data) as fd:
        pieces = Pieces(fd, 10, [Piece(*span) for span in known])
        reader = Reader(PartialSource(fd, 10, [Piece(*span) for span in known]))
        assert reader.seek(start, os.SEEK_SET) == start
        part = reader.read(end - start)
        if {*range(start, end)} <= there:
            assert pieces[start:end] == data[start:end]
            assert part == (data[start : start + len(part)] if part else None)
            assert bool(part) == (start < end)
            reader.check()
            return
        with pytest.raises(MissingBytes) as missing:
            _ = pieces[start:end]
        first = missing.value.piece.start
        assert {*range(start, first)} <= there
        assert first not in there
        assert part == (data[start : start + len(part)] if start in there and part else None)
        if start not in there:
            with pytest.raises(MissingBytes, match=f"{start} to {end}"):
                reader.check()
