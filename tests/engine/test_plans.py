"""The plans of known batches, before and after each pass, as text that a reviewer reads.

`batches.json` has the batches, of which a plan needs only the facts of the source. After a
change that is meant, write the texts anew and look at the difference:

    make plans
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.draft import Known
from engine.explain import explain_facts
from engine.facts import Facts, SourceFormat
from engine.parse import parse_batch

FOLDER = Path(__file__).parent / "plans"
BATCHES: dict[str, dict[str, Any]] = json.loads((FOLDER / "batches.json").read_text())
MARK = Facts(format=SourceFormat.PNG, width=400, height=200, alpha=True)


def text_of(batch: dict[str, Any]) -> str:
    facts = msgspec.convert(batch["facts"], Facts)
    body = json.dumps({"source": "source", "jobs": batch["jobs"]})
    known = Known({"wm.png": MARK})
    return f"{explain_facts(facts, parse_batch(body.encode()).jobs, known)}\n"


@pytest.mark.parametrize("name", BATCHES)
def test_the_plan_is_the_one_that_was_agreed_on(name: str) -> None:
    assert text_of(BATCHES[name]) == (FOLDER / f"{name}.txt").read_text()


def test_no_plan_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(BATCHES)


if __name__ == "__main__":
    for name, batch in BATCHES.items():
        (FOLDER / f"{name}.txt").write_text(text_of(batch))
