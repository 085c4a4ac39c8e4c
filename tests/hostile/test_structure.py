"""Files of too many frames, scans or parts are refused by name before a decoder sees them."""

from pathlib import Path
from struct import pack

import pytest

from engine import EngineLimits, Source, read_facts
from engine.errors import SourceCorrupt, SourceTooLarge
from engine.sources import PartialSource, Piece, SourceFormat, count_parts
from engine.sources import gif as gif_structure
from tests.engine.images import DATA, encoded, noise
from tests.engine.uploads import KINDS
from tests.hostile.bombs import (
    BOMBS,
    avif,
    blocks,
    box,
    chunk,
    gif,
    jpeg_scans,
    jpeg_segments,
    png,
    riff,
    webp,
)  # fmt: skip
from tests.hostile.guard import ends


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_name(name: str) -> None:
    source = Source.from_bytes(BOMBS[name].make())
    with ends(name), pytest.raises(SourceTooLarge) as refused:
        read_facts(source)
    assert refused.value.limit == BOMBS[name].limit


LIMITS = EngineLimits(max_frames=3, max_scans=3, max_parts=30)
EMPTY = {"webp": riff(b"abcd", b""), "png": chunk(b"abCd", b""), "avif": box(b"free", b"")}
REGULAR = b"!\xfe" + b"\2aa" * 640 + b"\1a\0"
IRREGULAR = b"!\xfe" + b"\1a\2aa" * 15 + b"\0"
JUST_RIGHT = {
    "frames of GIF": (gif(3), gif(4)),
    "frames of WebP": (webp(3), webp(4)),
    "blocks of GIF": (gif(1, extra=REGULAR), gif(1, extra=IRREGULAR)),
    "chunks of WebP": (webp(1, EMPTY["webp"] * 20), webp(1, EMPTY["webp"] * 30)),
    "chunks of PNG": (png(8, 8, EMPTY["png"] * 28), png(8, 8, EMPTY["png"] * 29)),
    "segments of JPEG": (jpeg_segments(8, 0xFE), jpeg_segments(120, 0xFE)),
    "scans of JPEG": (jpeg_scans(2, 64, 64), jpeg_scans(3, 64, 64)),
    "boxes of AVIF": (avif(EMPTY["avif"] * 17), avif(EMPTY["avif"] * 18)),
}


@pytest.mark.parametrize("name", JUST_RIGHT)
def test_a_limit_itself_is_allowed(name: str) -> None:
    allowed, more = JUST_RIGHT[name]
    assert read_facts(Source.from_bytes(allowed), LIMITS)
    assert read_facts(Source.from_bytes(more))
    with pytest.raises(
        SourceTooLarge, match=r"or more, the limit is 30? \(max_(frames|scans|parts)\)"
    ):
        read_facts(Source.from_bytes(more), LIMITS)


@pytest.mark.parametrize("table", [b"iloc", b"iinf"])
@pytest.mark.parametrize("version", [0, 2])
def test_items_are_counted_by_what_their_tables_say(table: bytes, version: int) -> None:
    count = pack(">I" if version else ">H", 10_001)
    body = bytes([version, 0, 0, 0]) + bytes(2 * (table == b"iloc")) + count
    data = box(b"ftyp", b"avif\0\0\0\0avifmif1") + box(b"meta", bytes(4) + box(table, body))
    count_parts(data, SourceFormat.AVIF, EngineLimits(max_parts=50_007))
    with pytest.raises(SourceTooLarge, match="50,007 parts or more"):
        count_parts(data, SourceFormat.AVIF, EngineLimits())


@pytest.mark.parametrize("name", KINDS)
def test_ordinary_files_are_made_of_few_parts(name: str) -> None:
    data = KINDS[name]()
    limits = EngineLimits(max_parts=60, max_frames=9, max_scans=12, allow_svg=True)
    kind = SourceFormat(name.split(maxsplit=1)[0])
    count_parts(data, kind, limits)


@pytest.mark.parametrize("length", [254, 255])
def test_a_long_gif_of_full_blocks_is_no_bomb(length: int) -> None:
    """Runs of blocks of one length count once: 120 MB of them are far below the limit."""
    data = gif(1, extra=blocks(120_000_000, length))
    count_parts(data, SourceFormat.GIF, EngineLimits())


def test_a_long_comment_is_not_copied_to_the_decoder() -> None:
    long, short = (gif(2, extra=blocks(length, 255)) for length in (100_000, 0))
    assert gif_structure.mended(long) == gif_structure.mended(gif(2))
    assert bytes(gif_structure.mended(short)).count(b"!\xfe") == 1
    assert gif_structure.mended(cut := long[:90_000]) is cut


@pytest.mark.parametrize("cut", range(1, 90, 7))
def test_a_gif_that_ends_within_a_run_is_cut_short(cut: int) -> None:
    data = gif(1, extra=blocks(9_000, 30))
    assert gif_structure.is_cut_short(data[:-cut]) is (cut > 1)


def test_of_a_header_alone_scans_are_not_counted(tmp_path: Path) -> None:
    """They come after it; the facts are the same."""
    data = encoded(noise(400, 300), "JPEG", progressive=True)
    (tmp_path / "a.jpg").write_bytes(data)
    with (tmp_path / "a.jpg").open("rb") as file:
        partial = PartialSource(file.fileno(), len(data), [Piece(0, 20_000)])
        assert read_facts(partial) == read_facts(Source.from_bytes(data))


@pytest.mark.parametrize(
    "name", ["cases/10_avif_alpha_without_irot.avif", "pictures/heic/turned.heic"]
)
def test_a_fault_that_quotes_what_is_no_text_is_told_as_one_of_the_file(name: str) -> None:
    broken = (DATA / name).read_bytes().replace(b"irot", b"iro\xff")
    for _ in range(2):
        with pytest.raises(SourceCorrupt, match=r"'iro\\xff'"):
            read_facts(Source.from_bytes(broken))
