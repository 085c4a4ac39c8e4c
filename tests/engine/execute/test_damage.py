"""Damaged images are refused, or taken as they are and called damaged; whatever the order."""

import gc
import re
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest

from engine import Job, Output, Source, Stats, render
from engine.errors import SourceCorrupt
from engine.explain import explain
from engine.raster import first_complaint
from engine.sources import jpeg
from engine.vips import binding
from tests.engine.images import (
    Json,
    decoded,
    distance,
    encoded,
    job,
    make,
    noise,
    pixels_of,
    smooth,
)
from tests.engine.uploads import animation
from tests.hostile.bombs import jpeg_scans

EOI = b"\xff\xd9"
JPEG = encoded(noise(64, 64), "JPEG", quality=90)
SCAN = JPEG.index(b"\xff\xda")
HALF = JPEG[: len(JPEG) // 2] + EOI
ACCEPT: Any = {"damaged": "accept"}


def outcomes(source: bytes, *jobs: Job) -> list[Output | Exception]:
    return [result for _, result in render(Source.from_bytes(source), jobs)]


def samsung(data: bytes) -> bytes:
    """Let the scan say that it holds the first coefficient only."""
    end = SCAN + 2 + data[SCAN + 3]
    return data[: end - 3] + b"\0\0\0" + data[end:]


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1
    return data.replace(old, new)


JFIF_3 = patched(JPEG, b"JFIF\0\1", b"JFIF\0\3")
ADOBE_7 = patched(JPEG, JPEG[2:20], b"\xff\xee\0\x0eAdobe\0d\0\0\0\0\7")

ODD = {
    "no end marker": JPEG[:-2],
    "half an end marker": JPEG[:-1],
    "fill before the end": JPEG[:-2] + b"\xff" * 30 + EOI,
    "bytes behind the end": JPEG + b"thumbnail",
    "scan parameters": samsung(JPEG),
    "scan parameters, no end marker": samsung(JPEG)[:-2],
    "bytes between segments": JPEG[:20] + b"odd" + JPEG[20:],
    "bytes before the scan": JPEG[:SCAN] + b"odd" + JPEG[SCAN:],
    "bytes before the end": JPEG[:-2] + b"odd" + EOI,
    "JFIF of later": JFIF_3,
    "JFIF of later, bytes before the end": JFIF_3[:-2] + b"odd" + EOI,
    "Adobe's unknown transform, bytes before the end": ADOBE_7[:-2] + b"odd" + EOI,
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_and_changes_no_pixel_passes(name: str) -> None:
    output = make(ODD[name])
    assert np.array_equal(decoded(output.data), pixels_of(JPEG))
    assert not output.damaged
    assert not make(ODD[name], **ACCEPT).damaged


PROGRESSIVE = encoded(noise(64, 64), "JPEG", quality=90, progressive=True)
MARKERS = [found.start() for found in re.finditer(rb"\xff[\xc4\xd9\xda]", PROGRESSIVE)]
SCANS = [at for at in MARKERS if PROGRESSIVE[at + 1] == 0xDA]


def strewn(data: bytes, places: list[int], stray: bytes = b"odd") -> bytes:
    """Put bytes before places of a file."""
    parts = [data[start:end] for start, end in pairwise([0, *places, len(data)])]
    return stray.join(parts)


@pytest.mark.parametrize("stray", [b"odd", bytes(20), b"\xff\xff\0"])
def test_the_same_bytes_behind_each_scan_pass(stray: bytes) -> None:
    for places in (MARKERS, SCANS, MARKERS[-2:]):
        output = make(strewn(PROGRESSIVE, places, stray))
        assert np.array_equal(decoded(output.data), pixels_of(PROGRESSIVE))
        assert not output.damaged


@pytest.mark.parametrize(
    ("places", "strays", "most"),
    [(SCANS, [b"odd"] * 9, 10), (SCANS, [b"odd", b"even"] * 5, 2)],
)
def test_scans_are_asked_about_until_bytes_differ(
    places: list[int], strays: list[bytes], most: int
) -> None:
    source, asked = PROGRESSIVE, list[bytes]()
    for at, stray in zip(reversed(places[1:]), strays, strict=False):
        source = source[:at] + stray + source[at:]

    def complaint(data: bytes) -> str:
        asked.append(data)
        return first_complaint(data)

    jpeg.without_stray_bytes(source, complaint)
    assert len(asked) == most


def test_a_file_of_many_scans_is_not_asked_about() -> None:
    """Each scan takes decoding all before it, so that many would take their square."""
    asked: list[bytes] = []

    def complaint(data: bytes) -> str:
        asked.append(data)
        return ""

    jpeg.without_stray_bytes(jpeg_scans(49, 64, 64), complaint)
    assert len(asked) <= jpeg.MOST_SCANS


def test_scans_that_end_early_are_damage_beside_stray_bytes() -> None:
    """libjpeg has the same words for bytes that are left over."""
    spoilt = bytearray(PROGRESSIVE)
    spoilt[SCANS[1] + 12 : SCANS[1] + 40] = b"U" * 28
    for source in (bytes(spoilt), strewn(bytes(spoilt), [SCANS[5]])):
        with pytest.raises(
            SourceCorrupt, match=r"\d warnings, the first of which is: Corrupt JPEG"
        ):
            make(source)
        assert make(source, **ACCEPT).damaged


DAMAGED = {
    "data end early": HALF,
    "data end early, odd scan": samsung(HALF),
    "cut off": HALF[:-2],
    "last block": JPEG[:-12] + EOI,
    "progressive": encoded(noise(64, 64), "JPEG", progressive=True)[:1500] + EOI,
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("width", [64, 8])
def test_what_is_damaged_is_refused(name: str, width: int) -> None:
    resize = {"type": "resize", "width": width}
    (error,) = outcomes(DAMAGED[name], job(resize))
    assert isinstance(error, SourceCorrupt), error
    taken = make(DAMAGED[name], resize, **ACCEPT)
    assert taken.damaged
    assert (taken.width, taken.height) == (width, width)


def test_what_is_taken_of_a_damaged_image_is_what_is_there() -> None:
    whole, taken = pixels_of(JPEG), decoded(make(HALF, **ACCEPT).data)
    assert np.array_equal(taken[:14], whole[:14])  # chroma mixes with the next row's
    assert distance(taken[-8:], whole[-8:])[1] < 20
    png = encoded(smooth(64, 64))
    assert make(png[: len(png) // 2], **ACCEPT).damaged


def test_jobs_that_share_each_report_the_damage() -> None:
    stats = Stats()
    sizes: list[Json] = [{"type": "resize", "width": width} for width in (9, 8, 7)]
    batch = [*(job(size) for size in sizes), *(job(size, **ACCEPT) for size in sizes)]
    results = [made for _, made in render(Source.from_bytes(HALF), batch, stats=stats)]
    assert [isinstance(made, SourceCorrupt) for made in results] == 3 * [True] + 3 * [False]
    assert all(made.damaged for made in results if isinstance(made, Output))
    assert stats.decode_passes == 2


TOP: Json = {"type": "crop", "width": 64, "height": 8, "gravity": "north", "fit": False}


def _spoilt_frame(kind: str) -> bytes:
    source = bytearray(animation(kind, [noise(90, 80, seed=n) for n in range(3)], [50] * 3))
    last = source.rindex(b"VP8L")
    source[last + 13 : last + 60] = bytes(47)
    return bytes(source)


@pytest.mark.parametrize("source", [_spoilt_frame("WEBP"), HALF], ids=["second frame", "jpeg"])
def test_the_order_of_jobs_makes_no_difference(source: bytes) -> None:
    wanted = [
        job(TOP),
        job({"type": "ulb"}),
        job(format="webp"),
        job({"type": "resize", "width": 20}, format="jpeg"),
    ]
    seen = set()
    for order in permutations(range(len(wanted))):
        results = outcomes(source, *(wanted[index] for index in order))
        named = [getattr(made, "message", "done") for made in results]
        seen.add(tuple(name for _, name in sorted(zip(order, named, strict=True))))
    assert len(seen) == 1, seen


def test_an_error_keeps_no_image_alive() -> None:
    """Or it is closed, with all its warnings, whenever garbage is collected: in other work."""
    spoilt, batch = _spoilt_frame("WEBP"), [job(TOP), job({"type": "ulb"}), job(format="webp")]
    outcomes(spoilt, *batch)
    gc.collect()
    gc.disable()
    try:
        before = images_alive()
        assert isinstance(outcomes(spoilt, *batch)[-1], SourceCorrupt)
        assert images_alive() == before
    finally:
        gc.enable()


def images_alive() -> int:
    return sum(isinstance(each, binding.Image) for each in gc.get_objects())


def test_a_damaged_watermark_is_named_each_time() -> None:
    mark: Json = {"type": "watermark", "source": "mark.jpg"}
    inputs = {"mark.jpg": Source.from_bytes(HALF)}
    batch = [job(mark), job(mark), job(mark, **ACCEPT), job()]
    for _ in range(2):
        results = [made for _, made in render(Source.from_bytes(JPEG), batch, inputs=inputs)]
        assert [str(made)[:9] for made in results[:2]] == ["mark.jpg:"] * 2
        assert [made.damaged for made in results[2:] if isinstance(made, Output)] == [True, False]


def test_a_header_with_damage_is_a_matter_of_the_job() -> None:
    gif = encoded(noise(64, 64), "GIF")[:-40]
    (refused, taken) = explain(Source.from_bytes(gif), [job(), job(**ACCEPT)]).jobs
    assert refused.refusal is not None
    assert refused.refusal.code == "source_corrupt"
    assert taken.refusal is None
    assert make(gif, **ACCEPT).damaged
