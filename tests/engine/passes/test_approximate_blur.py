"""approximate_blur: by its σ and the image's size, a blur is computed in one of three ways."""

import numpy as np
import pytest

from engine import Source, read_facts
from engine.expand import expand
from engine.ir import Blur, Decode, Plan, Save, ToSrgb
from engine.passes.approximate_blur import approximate_blur
from engine.passes.order import PASSES, Bounded
from engine.schema import Format
from engine.sources import Facts, SourceFormat
from tests.engine.images import Pixels, distance, encoded, executed, job, noise, smooth

FACTS = Facts(format=SourceFormat.PNG, width=400, height=90)


@pytest.mark.parametrize(
    ("blur", "quick"),
    [
        (Blur(0.9, 4), Blur(0.9, 4)),
        (Blur(2, 7), Blur(2, 7, integers=True)),
        (Blur(900, 9), Blur(900, 9, integers=True)),
        (Blur(23, 81), Blur(23, 81, integers=True)),
        (Blur(23, 91), Blur(23, 91)),  # longer than the image is high
        (Blur(24, 84), Blur(24, 84, shrink=4)),
        (Blur(218, 465), Blur(218, 465, shrink=16)),
    ],
)
def test_the_way(blur: Blur, quick: Blur) -> None:
    plan = Plan(FACTS, (Decode(), ToSrgb(), blur), Save(Format.PNG, 100))
    made = approximate_blur(plan)
    assert made.nodes == (Decode(), ToSrgb(), quick)
    assert approximate_blur(made) is made


def blocks() -> Pixels:
    """Large contrasts with sharp edges, which a blur's errors show best on."""
    tiles = np.random.default_rng(0).integers(0, 2, (8, 10, 1)) * 255
    return tiles.repeat(29, 0).repeat(31, 1).repeat(3, 2).astype(np.uint8)


@pytest.mark.parametrize(
    ("sigma", "radius"),
    [
        (1, 0), (1.5, 0), (2, 3), (3, 0), (10, 1), (10, 21), (20, 0), (25, 0), (30, 2), (30, 0),
        (60, 90), (218, 5), (218, 465),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "image", [noise(300, 230), smooth(310, 205), blocks(), noise(131, 67, 4), noise(37, 17)]
)  # fmt: skip
def test_the_difference_is_as_declared(sigma: float, radius: int, image: Pixels) -> None:
    (declared,) = (entry.fidelity for entry in PASSES if entry.run is approximate_blur)
    assert isinstance(declared, Bounded)
    source = Source.from_bytes(encoded(image))
    plain = expand(job({"type": "blur", "sigma": sigma, "radius": radius}), read_facts(source))
    quick = approximate_blur(plain)
    if quick == plain:  # the kernel is longer than the image
        assert min(image.shape[:2]) < 3.5 * sigma
        return
    one, other = (executed(plan, source) for plan in (plain, quick))
    levels, psnr = distance(one, other)
    assert levels <= declared.levels
    assert psnr >= declared.psnr
    assert abs(float(one.mean()) - float(other.mean())) <= 0.4
