"""The README shows what really comes out."""

import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from msgspec import json
from PIL import Image

import engine
from engine.explain import explain
from engine.schema import Job
from service.dev.demo import JOBS, PHOTO
from service.http import CreateProcess

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("words", JOBS, ids=lambda words: words["destination"])
def test_its_pictures_are_those_of_the_demo(words: dict[str, object]) -> None:
    job = engine.parse(json.encode(words), Job)
    source = engine.Source.from_path(ROOT / "service" / "dev" / PHOTO)
    [(_, made)] = engine.render(source, [job])
    assert isinstance(made, engine.Output)
    shown = ROOT / "docs" / "images" / Path(job.destination).name
    with Image.open(shown) as image:
        before = np.asarray(image.convert("RGBA"), dtype=int)
    with Image.open(BytesIO(made.data)) as image:
        after = np.asarray(image.convert("RGBA"), dtype=int)
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 1


def test_its_plan_is_that_of_its_first_request() -> None:
    [body] = re.findall(r"curl -s \$URL/request .*? -d '(\{.*?\})'", README, re.DOTALL)
    request = engine.parse(body.encode(), CreateProcess)
    source = engine.Source.from_path(ROOT / "service" / "dev" / request.source)
    explanation = explain(source, request.jobs)
    [job] = explanation.jobs
    shown = [f"source: {explanation.facts}", "", job.destination]
    shown += [step.text for step in job.stages[-1].steps]
    [plan] = re.findall(r"```\n(source: .*?\n)```", README, re.DOTALL)
    assert plan.splitlines() == [*shown, f"  save as {job.save}"]


def test_its_make_targets_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"make ([a-z-]+)", README))
    assert {"run", "test", "help"} <= named
    assert not [name for name in named if not re.search(rf"^{name}:", makefile, re.M)]
