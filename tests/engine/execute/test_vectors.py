"""The public vectors: expected images made by GD, ImageMagick and numpy."""

import json
from typing import Any

import pytest

from engine import EngineLimits, InvalidRequest, Source, parse_batch, read_facts
from engine.expand import expand
from engine.geometry import Size
from engine.sources import Facts, SourceFormat
from tests.data.vectors.judge import judge
from tests.engine.images import VECTORS, decoded, encoded, job, make, smooth

MANIFEST: list[dict[str, Any]] = json.loads((VECTORS / "manifest.json").read_text())["vectors"]
SIZES: list[dict[str, Any]] = json.loads((VECTORS / "sizes.json").read_text())
VALIDATION: dict[str, Any] = json.loads((VECTORS / "validation.json").read_text())


def _batch(*steps: Any) -> bytes:
    described = {"destination": "out.png", "transformations": steps}
    return json.dumps({"source": "in.png", "jobs": [described]}).encode()


@pytest.mark.parametrize("mode", ["balanced", "exact"])
@pytest.mark.parametrize("vector", MANIFEST, ids=lambda vector: vector["id"])
def test_vector(vector: dict[str, Any], mode: str) -> None:
    source = (VECTORS / vector["input"]).read_bytes()
    keys = [step["source"] for step in vector["transformations"] if "source" in step]
    inputs = {key: (VECTORS / key).read_bytes() for key in keys}
    output = make(source, *vector["transformations"], inputs=inputs, mode=mode)
    expected = decoded((VECTORS / vector["expected"]).read_bytes())
    passed, measures = judge(decoded(output.data), expected, vector["tolerance"])  # type: ignore[no-untyped-call]
    assert passed, measures
    assert [output.width, output.height] == vector["expected_size"]


def test_every_size_is_the_expected_one() -> None:
    wrong = []
    for case in SIZES:
        width, height = case["image"]
        facts = Facts(format=SourceFormat.PNG, width=width, height=height)
        size = expand(job(case["transformation"]), facts).frame.size
        if size != Size(*case["expected_size"]):
            wrong.append((case, size))
    assert SIZES
    assert wrong == []


def test_every_size_comes_out_of_libvips() -> None:
    sources = {}
    for case in SIZES:
        image = tuple(case["image"])
        if image not in sources:
            sources[image] = encoded(smooth(*image), "JPEG")
        output = make(sources[image], case["transformation"], destination="out.jpg")
        assert [output.width, output.height] == case["expected_size"], case
        assert list(decoded(output.data).shape[1::-1]) == case["expected_size"], case


@pytest.mark.parametrize("step", VALIDATION["must_be_rejected_400"], ids=json.dumps)
def test_rejected(step: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_batch(_batch(step))
    assert caught.value.path.startswith("jobs[0].transformations[0]")


@pytest.mark.parametrize("step", VALIDATION["must_be_accepted"], ids=json.dumps)
def test_accepted(step: dict[str, Any]) -> None:
    (parsed,) = parse_batch(_batch(step)).jobs
    assert len(parsed.transformations) == 1


def test_limits_hold_for_no_vector() -> None:
    limits = EngineLimits()
    for path in (VECTORS / "in").iterdir():
        assert read_facts(Source.from_path(path), limits).size.pixels > 0
