"""Results say 72 dots an inch, whatever was done to them and alone or in a batch."""

import io

import pytest
from PIL import Image

from engine import Output, Source, render
from tests.engine.images import encoded, job, smooth
from tests.engine.matrix.steps import STEPS, Step
from tests.engine.matrix.test_matrix import MARKS

SMALL = Source.from_bytes(encoded(smooth(2, 2)))  # overlays cover it
OVERLAYS = [
    step
    for step in STEPS
    if step.transformations and step.transformations[0]["type"] in {"annotation", "watermark"}
]


@pytest.mark.parametrize("step", OVERLAYS, ids=lambda step: step.name)
def test_a_result_says_72_dots_an_inch(step: Step) -> None:
    ((_, result),) = render(SMALL, [job(*step.transformations, format="png")], inputs=MARKS)
    assert isinstance(result, Output)
    with Image.open(io.BytesIO(result.data)) as image:
        assert image.info["dpi"] == pytest.approx((72, 72), abs=0.1)
