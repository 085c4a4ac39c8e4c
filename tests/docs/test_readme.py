"""The README shows what really comes out."""

import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from msgspec import json
from PIL import Image

import engine
from engine.schema import Job
from service.dev.demo import JOBS, PHOTO

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("words", JOBS, ids=lambda words: words["destination"])
def test_its_pictures_are_those_of_the_demo(words: dict[str, object]) -> None:
    job = engine.parse(json.encode(words), Job)
    source = engine.Source.from_path(ROOT / "service" / "dev" / PHOTO)
    [(_, made)] = engine.render(source, [job])
    assert isinstance(made, engine.Output)
    shown = ROOT / "docs" / "images" / Path(job.destination).name
    with Image.open(shown) as picture:
        before = np.asarray(picture.convert("RGBA"), dtype=int)
    with Image.open(BytesIO(made.data)) as picture:
        after = np.asarray(picture.convert("RGBA"), dtype=int)
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 1


def test_every_file_it_points_at_is_there() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert len(targets) > 8
    assert not [target for target in targets if not (ROOT / target).exists()]


def test_its_make_targets_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"make ([a-z-]+)", README))
    assert {"run", "test", "help"} <= named
    assert not [name for name in named if not re.search(rf"^{name}:", makefile, re.M)]
