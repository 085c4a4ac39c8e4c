"""Jobs are rendered one by one: errors stay their own, limits hold, sources stream."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import pyvips

import engine
from engine import EngineLimits, Source, Stats, render
from engine.errors import OutputTooLarge, TransformationFailed
from engine.explain import explain
from engine.vips.binding import _require
from tests.engine.images import Json, encoded, job, jobs, make, noise, smooth

OUTSIDE: Json = {"type": "crop", "width": 5, "height": 5, "fit": False, "xoffset": 900}


def test_a_failing_job_leaves_the_others_alone() -> None:
    source = Source.from_bytes(encoded(noise(20, 10)))
    results = dict(render(source, jobs([], [OUTSIDE], [{"type": "resize", "width": 5}])))
    assert isinstance(results[0], engine.Output)
    assert isinstance(results[1], TransformationFailed)
    assert "transformations[0] (crop): crop area lies outside the image" in results[1].message
    assert isinstance(results[2], engine.Output)
    assert (results[2].width, results[2].height) == (5, 3)


def test_results_come_as_they_are_ready() -> None:
    stats = Stats()
    source = Source.from_bytes(encoded(noise(20, 10)))
    results = render(source, jobs([], []), stats=stats)
    next(results)
    assert stats.decode_passes == 1
    next(results)
    assert (stats.decode_passes, stats.pixels_decoded) == (1, 200)
    assert stats.vips_operations == 4


@pytest.mark.parametrize(
    ("step", "limits", "message"),
    [
        (
            {"type": "resize", "width": 101, "height": 1},
            EngineLimits(max_output_side=100),
            "transformations[0] (resize) would be too large (101×1): "
            "101 pixels a side, the limit is 100 (max_output_side)",
        ),
        (
            {"type": "resize", "width": 30, "height": 30},
            EngineLimits(max_output_pixels=899),
            "900 pixels, the limit is 899 (max_output_pixels)",
        ),
        (
            {"type": "fitmethod", "fit_type": "letterbox", "width": 10_000, "height": 20_000},
            EngineLimits(),
            "200,000,000 pixels, the limit is 100,000,000 (max_output_pixels)",
        ),
        (
            {"type": "flip", "direction": "x"},
            EngineLimits(max_output_pixels=199),
            "the result would be too large (20×10): 200 pixels, the limit is 199",
        ),
    ],
)
def test_what_is_made_is_limited(step: Json, limits: EngineLimits, message: str) -> None:
    source = Source.from_bytes(encoded(noise(20, 10)))
    ((_, result),) = render(source, [job(step)], limits=limits)
    assert isinstance(result, OutputTooLarge)
    assert message in result.message


def test_an_intermediate_is_limited_too() -> None:
    source = Source.from_bytes(encoded(noise(20, 10)))
    steps: list[Json] = [{"type": "resize", "width": 300}, {"type": "resize", "width": 10}]
    ((_, result),) = render(source, [job(*steps)], limits=EngineLimits(max_output_side=299))
    assert isinstance(result, OutputTooLarge)
    assert "transformations[0]" in result.message


def test_a_format_has_its_own_longest_side() -> None:
    source = encoded(smooth(1, 1))
    with pytest.raises(OutputTooLarge, match="16,384 pixels a side, the limit is 16,383"):
        make(source, {"type": "resize", "width": 16_384, "height": 1}, destination="out.webp")


def test_an_old_libvips_is_refused() -> None:
    with pytest.raises(ImportError, match=r"expected libvips 8\.18\.5 or newer, found 8\.18\.4"):
        _require((8, 18, 4))


def test_untrusted_loaders_are_blocked() -> None:
    with pytest.raises(pyvips.Error, match="block"):
        pyvips.Image.svgload_buffer(
            b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
        )


def test_explain_reads_the_header_alone() -> None:
    data = encoded(noise(200, 150), "JPEG")
    explained = explain(Source.from_bytes(data[: len(data) // 2]), jobs([], [OUTSIDE]))
    assert explained.facts.size == (200, 150)
    assert [stage.name for stage in explained.jobs[0].stages] == ["expand", "drop_noops"]
    assert explained.jobs[1].refusal is not None
    assert explained.jobs[1].refusal.code == "transformation_failed"
    assert "crop area lies outside the image" in str(explained)
    assert "decode" in str(explained)


STREAMS = """
import resource, sys
from engine import Source, parse_batch, render
body = open(sys.argv[1], "rb").read()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
small = list(render(Source.from_path(sys.argv[2]), parse_batch(body).jobs))
before = peak()
large = list(render(Source.from_path(sys.argv[3]), parse_batch(body).jobs))
errors = [str(result) for _, result in small + large if isinstance(result, Exception)]
print(errors, peak() - before)
"""


def test_sequential_lists_stream(tmp_path: Path) -> None:
    """An image 40 times as tall, 120 MB of pixels, takes no more memory, and no disk."""
    steps = [
        {"type": "brightness", "bright_level": 9},
        {"type": "filter", "filter": "sepia"},
        {"type": "flip", "direction": "x"},
        {"type": "filter", "filter": "emboss"},
        {"type": "fitmethod", "fit_type": "letterbox", "width": 300, "height": 300},
    ]
    request = {"source": "a", "jobs": [{"destination": "o.jpg", "transformations": steps}]}
    (tmp_path / "jobs.json").write_text(json.dumps(request))
    for name, height in (("small", 1000), ("large", 40_000)):
        pyvips.Image.black(1000, height, bands=3).jpegsave(str(tmp_path / f"{name}.jpg"))
    done = subprocess.run(
        [sys.executable, "-c", STREAMS, "jobs.json", "small.jpg", "large.jpg"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "no such folder")},
    )
    errors, grown = done.stdout.rsplit(" ", 1)
    assert errors == "[]"
    assert int(grown) < 20, f"{grown} MB more for the taller image"
