"""Drawings of plans: well-formed, complete, and of nothing that could do harm."""

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from engine import Source
from engine.explain import Explanation, JobExplanation, Refusal, TreeBranch, draw, explain
from engine.explain.svg import COLUMN, MARGIN
from engine.schema import parse_batch
from tests.engine.explain.test_plans import BATCHES, explained
from tests.engine.images import Json, encoded, jobs, noise

SVG = "{http://www.w3.org/2000/svg}"
STILL = Source.from_bytes(encoded(noise(40, 30)))
BESIDE: Json = {"type": "crop", "width": 5, "height": 5, "fit": False, "xoffset": 900}


def read(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)


def texts(drawing: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in drawing.iter(f"{SVG}text")]


def rectangles(drawing: ElementTree.Element, kind: str) -> list[dict[str, float]]:
    found = drawing.findall(f".//{SVG}rect[@class='{kind}']")
    return [
        {name: float(box.get(name, 0)) for name in ("x", "y", "width", "height")} for box in found
    ]


def branches(explanation: Explanation) -> list[TreeBranch]:
    def below(branch: TreeBranch) -> list[TreeBranch]:
        return [branch, *(each for part in branch.branches for each in below(part))]

    return [branch for tree in explanation.trees for branch in below(tree)]


@pytest.mark.parametrize("name", BATCHES)
def test_everything_of_a_batch_is_in_its_drawing(name: str) -> None:
    explanation = explained(BATCHES[name])
    drawing, parts = read(draw(explanation)), branches(explanation)
    steps = [step for branch in parts for step in branch.steps]
    assert len(rectangles(drawing, "box")) == len(steps)
    assert len(rectangles(drawing, "shared")) == sum(branch.held_bytes > 0 for branch in parts)
    done = [job for job in explanation.jobs if job.refusal is None]
    assert len(rectangles(drawing, "save")) == len(done)
    shown = " ".join(texts(drawing))
    assert str(explanation.facts) in shown
    assert (str(explanation.cost) in shown) == bool(done)
    titles = " ".join(title.text or "" for title in drawing.iter(f"{SVG}title"))
    for step in steps:
        assert str(step) in titles
        assert str(step.frame) in shown
    assert all(job.destination in titles for job in done)
    assert all(f"alone {job.cost}" in titles for job in done)
    assert all(job.refusal.code in shown for job in explanation.jobs if job.refusal)
    assert all(text in shown for job in explanation.jobs for text in job.assumptions)


@pytest.mark.parametrize("name", BATCHES)
def test_no_box_lies_on_another_or_outside(name: str) -> None:
    drawing = read(draw(explained(BATCHES[name])))
    wide, high = float(drawing.get("width", 0)), float(drawing.get("height", 0))
    boxes = [box for kind in ("box", "shared", "save") for box in rectangles(drawing, kind)]
    for index, one in enumerate(boxes):
        assert MARGIN <= one["x"] + one["width"] / 2 <= wide - MARGIN
        assert one["y"] + one["height"] < high
        for other in boxes[:index]:
            difference = one["x"] + one["width"] / 2 - other["x"] - other["width"] / 2
            first, second = sorted((one, other), key=lambda box: box["y"])
            assert abs(difference) >= COLUMN / 2 or first["y"] + first["height"] < second["y"]


def test_clients_words_stay_words() -> None:
    nasty = '</text><script>alert(1)</script>&amp;"\x1b\x00\ufffe\ud800'
    refused = JobExplanation(f"a{nasty}.png", refusal=Refusal("code", nasty))
    good = explain(STILL, jobs([{"type": "annotation", "text": "<b>&</b> 😀", "font": "Arial"}]))
    drawing = draw(Explanation(good.facts, (*good.jobs, refused), good.trees))
    parsed = read(drawing.encode().decode())
    assert {element.tag.removeprefix(SVG) for element in parsed.iter()} == {
        "svg", "title", "style", "rect", "g", "path", "text",
    }  # fmt: skip
    assert '<b>&</b> 😀"' in " ".join(title.text or "" for title in parsed.iter(f"{SVG}title"))
    assert "</text><script>alert(1)</script>&amp;" in " ".join(texts(parsed))
    assert not re.search(r"href|url\(|@import|\son\w+=", drawing)


def test_a_batch_of_which_nothing_is_done_has_a_drawing() -> None:
    drawing = read(draw(explain(STILL, jobs([BESIDE], [BESIDE]))))
    assert any(text == "2 jobs · 2 refused" for text in texts(drawing))
    assert sum("is refused, transformation_failed" in text for text in texts(drawing)) == 2


def test_long_words_are_cut_and_given_in_full() -> None:
    batch: dict[str, Any] = {"source": "s", "jobs": [{"destination": "xy" * 50 + "/name.png"}]}
    batch["jobs"][0]["transformations"] = [
        {"type": "annotation", "text": "word " * 30, "font": "Arial"}
    ]
    drawing = read(draw(explain(STILL, parse_batch(json.dumps(batch).encode()).jobs)))
    name = next(text for text in texts(drawing) if text.endswith("/name.png"))
    assert name.startswith("…xy")
    assert max(len(text) for text in texts(drawing)[2:]) < 45
    titles = [title.text or "" for title in drawing.iter(f"{SVG}title")]
    assert any(batch["jobs"][0]["destination"] in title for title in titles)
