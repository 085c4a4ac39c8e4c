"""verify() names the rule that a hand-made illegal plan breaks, and the node."""

import pytest

from engine.errors import IllegalPlan
from engine.expand import expand
from engine.geometry import Box
from engine.ir import (
    Blur,
    Canvas,
    Clamp,
    Convolve,
    Crop,
    Decode,
    Enlarge,
    Flatten,
    ImageLayer,
    Luma,
    Matrix,
    Node,
    Orient,
    Overlay,
    Pixelate,
    Plan,
    Premultiply,
    Resample,
    Rotate,
    RoundCorners,
    Save,
    Sharpen,
    Table,
    TextLayer,
    Tint,
    Toned,
    ToSrgb,
    Unpremultiply,
    verifier,
    verify,
)
from engine.schema import Format
from engine.sources import Facts, SourceFormat
from tests.engine.images import job

RGB = Facts(format=SourceFormat.PNG, width=40, height=30)
RGBA = Facts(format=SourceFormat.PNG, width=40, height=30, alpha=True)
CMYK = Facts(format=SourceFormat.JPEG, width=40, height=30, bands=4)
DEEP = Facts(format=SourceFormat.PNG, width=40, height=30, depth=16)
PNG = Save(Format.PNG, 100)
JPEG = Save(Format.JPEG, 70)
START: tuple[Node, ...] = (Decode(), ToSrgb())
FLAT = bytes(256)
MARK = ImageLayer("a", RGBA, (*START, Premultiply()))
RAW_MARK = ImageLayer("a", CMYK, (Decode(),))
NO_LINES = TextLayer((), ("Liberation Sans",), 9, (0, 0, 0, 255), 9, 9)


@pytest.mark.parametrize(
    ("facts", "nodes", "save", "text"),
    [
        (RGB, (), PNG, "begins with decode"),
        (RGB, (ToSrgb(), Decode()), PNG, "begins with decode"),
        (RGB, (*START, Decode()), PNG, "node 2 (Decode): only the first node decodes"),
        (RGB, (Decode(3),), PNG, "node 0 (Decode): shrink is 1, 2, 4 or 8"),
        (RGB, (*START, Orient(False, 4)), PNG, "node 2 (Orient): quarters are 0 to 3"),
        (RGB, (*START, Crop(Box(10, 0, 31, 30))), PNG, "a crop lies inside its image"),
        (RGB, (*START, Crop(Box(-1, 0, 3, 3))), PNG, "a crop lies inside its image"),
        (RGB, (*START, Crop(Box(0, 0, 0, 3))), PNG, "a side is at least 1 pixel"),
        (RGB, (*START, Resample(0, 3)), PNG, "a side is at least 1 pixel"),
        (RGB, (*START, Canvas(50, 50, 20, 0, (0, 0, 0, 255))), PNG, "a canvas contains its image"),
        (RGB, (*START, Table((FLAT,))), PNG, "tables have 256 entries for each band"),
        (RGB, (*START, Table((b"", FLAT, FLAT))), PNG, "tables have 256 entries for each band"),
        (RGB, (*START, Luma(), Tint((FLAT,))), PNG, "tables have 256 entries for each band"),
        (RGB, (*START, Convolve((0,) * 9, divisor=0)), PNG, "a divisor is at least 1"),
        (RGB, (*START, Blur(0, 3)), PNG, "a blur has a sigma and a radius"),
        (RGB, (*START, Blur(1, 0)), PNG, "a blur has a sigma and a radius"),
        (RGB, (*START, Blur(9, 9, shrink=3)), PNG, "a blur shrinks by a power of two"),
        (RGBA, (*START, Blur(9, 9)), PNG, "alpha is premultiplied around every resampling"),
        (RGB, (*START, Overlay(MARK, 0, 0)), PNG, "a layer is a legal image"),
        (RGB, (*START, Overlay(RAW_MARK, 0, 0)), PNG, "a layer is a legal image"),
        (RGB, (*START, Overlay(NO_LINES, 0, 0)), PNG, "a layer is a legal image"),
        (RGB, (*START, Luma(), Luma()), PNG, "node 3 (Luma): luma is taken of three colours"),
        (RGB, (*START, Tint((FLAT,) * 3)), PNG, "a tint is given one grey band"),
        (RGBA, (*START, Resample(9, 9)), PNG, "alpha is premultiplied around every resampling"),
        (RGBA, (*START, Rotate(5, 9, 9)), PNG, "alpha is premultiplied around every resampling"),
        (RGBA, (*START, Premultiply(), Premultiply()), PNG, "colours are not premultiplied"),
        (RGBA, (*START, Premultiply(), Table((FLAT,) * 3)), PNG, "colours are not premultiplied"),
        (
            RGBA,
            (*START, Premultiply(), Flatten()),
            PNG,
            "flattening knows whether colours are premultiplied",
        ),
        (RGB, (*START, Premultiply()), PNG, "there is alpha to multiply by"),
        (RGBA, (*START, Unpremultiply()), PNG, "there is alpha to divide by"),
        (RGB, (*START, Toned((FLAT,), (FLAT,) * 3)), PNG, "three tables and three tints"),
        (RGB, (*START, Luma(), Toned((FLAT,) * 3, (FLAT,) * 3)), PNG, "toning is of three colours"),
        (RGB, (*START, Enlarge(20, 30, Box(0, 0, 9, 9))), PNG, "what is enlarged"),
        (RGB, (*START, Enlarge(80, 60, Box(75, 0, 9, 9))), PNG, "what is enlarged"),
        (RGB, (*START, Pixelate(0)), PNG, "a block has a pixel"),
        (RGB, (*START, RoundCorners(15.5, 40, 30)), PNG, "corners are round"),
        (RGB, (*START, RoundCorners(3.2, 40, 30)), PNG, "corners are round"),
        (RGBA, (*START, Sharpen(1, 4, 1)), PNG, "alpha is premultiplied around every resampling"),
        (RGBA, (*START, Pixelate(3)), PNG, "alpha is premultiplied around every resampling"),
        (RGBA, (*START, Premultiply(), Matrix(((1, 0, 0),) * 3)), PNG, "not premultiplied"),
        (
            RGBA,
            (*START, Premultiply(), Flatten((1, 2, 3, 4), premultiplied=True)),
            PNG,
            "onto an opaque one",
        ),
        (RGB, (*START, Flatten()), PNG, "there is alpha to flatten"),
        (RGBA, (*START, Premultiply()), PNG, "save: colours are not premultiplied"),
        (RGBA, START, JPEG, "save: jpeg has no alpha"),
        (CMYK, (Decode(),), JPEG, "save: only 8-bit sRGB is saved"),
        (CMYK, (Decode(), Resample(9, 9)), JPEG, "nodes work on 8-bit sRGB"),
        (DEEP, (Decode(), Luma()), PNG, "nodes work on 8-bit sRGB"),
        (RGB, (*START, Resample(16_384, 9)), Save(Format.WEBP, 70), "at most 16383 pixels"),
        (RGB, START, Save(Format.JPEG, 0), "quality is 1 to 100"),
    ],
)
def test_illegal(facts: Facts, nodes: tuple[Node, ...], save: Save, text: str) -> None:
    with pytest.raises(IllegalPlan) as caught:
        verify(Plan(facts, nodes, save))
    assert text in caught.value.message.splitlines()[0]


def test_every_node_says_which_alpha_it_takes() -> None:
    about_alpha = (Premultiply, Unpremultiply, Clamp, Flatten)
    said = {*verifier.MIXING, *verifier.UNPREMULTIPLIED, *verifier.ANY_IMAGE, *about_alpha}
    assert [node.__name__ for node in Node.__subclasses__() if node not in said] == []


def test_legal() -> None:
    for facts in (RGB, RGBA, CMYK, DEEP):
        made = expand(job({"type": "resize", "width": 9}, destination="out.jpg"), facts)
        assert verify(made) is made


def test_a_plan_that_awaits_pixels_is_not_saved_yet() -> None:
    made = expand(job({"type": "ulb"}, destination="out.jpg"), RGBA)
    assert made.frame.alpha
    assert verify(made) is made
