"""The plans of known batches, before and after each pass, as text that a reviewer reads.

`batches.json` has the batches, of which a plan needs only the facts of the source. The
README's drawing is compared here, too. After an intended change, regenerate them
and look at the difference:

    make plans
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import Source
from engine.expand import Resolved
from engine.explain import Explanation, draw, explain, explain_facts
from engine.schema import parse_batch
from engine.sources import Facts, SourceFormat
from service.dev.demo import JOBS, PHOTO

FOLDER = Path(__file__).parent / "plans"
ROOT = FOLDER.parents[3]
DRAWING = ROOT / "docs" / "images" / "plan.svg"
BATCHES: dict[str, dict[str, Any]] = json.loads((FOLDER / "batches.json").read_text())
MARK = Facts(format=SourceFormat.PNG, width=400, height=200, alpha=True)


def explained(batch: dict[str, Any]) -> Explanation:
    facts = msgspec.convert(batch["facts"], Facts)
    body = json.dumps({"source": "source", "jobs": batch["jobs"]})
    return explain_facts(facts, parse_batch(body.encode()).jobs, Resolved({"wm.png": MARK}))


def text_of(batch: dict[str, Any]) -> str:
    return f"{explained(batch)}\n"


def drawing_of_the_demo() -> str:
    jobs = parse_batch(json.dumps({"source": PHOTO, "jobs": JOBS}).encode()).jobs
    return draw(explain(Source.from_path(ROOT / "service" / "dev" / PHOTO), jobs))


@pytest.mark.parametrize("name", BATCHES)
def test_the_plan_is_the_one_that_was_agreed_on(name: str) -> None:
    assert text_of(BATCHES[name]) == (FOLDER / f"{name}.txt").read_text()


def test_no_plan_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(BATCHES)


def test_the_drawing_in_the_readme_is_that_of_the_demo() -> None:
    assert DRAWING.read_text() == drawing_of_the_demo()
    assert f"](docs/images/{DRAWING.name})" in (ROOT / "README.md").read_text()


if __name__ == "__main__":
    for name, batch in BATCHES.items():
        (FOLDER / f"{name}.txt").write_text(text_of(batch))
    DRAWING.write_text(drawing_of_the_demo())
