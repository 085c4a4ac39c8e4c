"""Results say 72 dots an inch, whatever was done to them and alone or in a batch."""

import io

import pytest
from PIL import Image

from engine import Output, Source, render
from tests.engine.images import encoded, job, smooth
from tests.engine.matrix.steps import STEPS, Step
from tests.engine.matrix.test_matrix import MARKS

PICTURE = Source.from_bytes(encoded(smooth(40, 30)))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_result_says_72_dots_an_inch(step: Step) -> None:
    ((_, result),) = render(PICTURE, [job(*step.transformations, format="png")], inputs=MARKS)
    assert isinstance(result, Output)
    with Image.open(io.BytesIO(result.data)) as image:
        assert image.info["dpi"] == pytest.approx((72, 72), abs=0.1)
