"""What an SVG draws is counted before it is drawn, and what would take too long is refused."""

import pytest

from engine import Source
from engine.errors import SourceCorrupt, SourceTooLarge
from engine.limits import EngineLimits
from engine.sources.checks import survey
from engine.vips import read_facts
from tests.attack.bombs.svg import BOMBS, LARGE, doubled, filtered, svg
from tests.hostile.guard import ends

LIMITS = EngineLimits(allow_svg=True)
REFUSED = {
    "SVG of a billion laughs": "max_parts",
    "SVG of 2²⁵ uses": "max_parts",
    "SVG of 2²⁵ uses of symbols": "max_parts",
    "SVG of 100,000 nested groups": "max_parts",
    "SVG of turbulence": "max_svg_seconds",
    "SVG of a large morphology": "max_svg_seconds",
    "SVG of 500 blurs": "max_svg_seconds",
    "SVG of a large convolution": "max_svg_seconds",
    "SVG of 300,000 shapes": "max_parts",
    "SVG of 1 MB of text": "max_parts",
}
BLUR = b"<feGaussianBlur stdDeviation='9'/>"
SHAPE = b"<path id='a' d='M0 0h9'/>"
USES = b"<use href='#a'/>"


@pytest.mark.parametrize("name", REFUSED)
def test_what_draws_too_much_is_refused_by_name(name: str) -> None:
    with ends(name), pytest.raises(SourceTooLarge) as refused:
        read_facts(Source.from_bytes(BOMBS[name].make()), LIMITS)
    assert refused.value.limit == REFUSED[name]


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (SHAPE * 3, 4),
        (b"<defs>" + SHAPE + b"</defs>", 1),
        (b"<defs>" + SHAPE + b"</defs>" + USES * 3, 7),
        (doubled(4), 31),
        (b"<use id='a' href='#b'/><use id='b' href='#a'/>", 4),
        (b"<pattern id='a'>" + b"<g/>" * 4 + b"</pattern><g fill='url(#a)'/>", 7),
        (b"<g id='a'/><style>rect { mask: url(#a) }</style>" + b"<rect/>" * 7, 20),
        (b"<marker id='a'/><path marker-mid='url(#a)' d='" + b"L9" * 50 + b"'/>", 53),
        (b"<text>ten more xx<tspan>two</tspan></text><title>none</title>", 18),
        (b"<text>" + b"x" * 800 + b"</text>", 1602),
        (b"<path d='" + b"L9" * 1000 + b"'/>", 22),
    ],
)  # fmt: skip
def test_what_is_drawn_counts_as_often_as_it_is_used(body: bytes, parts: int) -> None:
    assert survey(svg(body), LIMITS).parts == parts


def test_a_filter_takes_its_time_of_each_pixel_once_and_a_part_of_it_again() -> None:
    one, two = (survey(svg(filtered(BLUR * count)), LIMITS) for count in (1, 2))
    assert two.filtering == pytest.approx(2 * one.filtering, abs=1)
    again = survey(svg(filtered(BLUR) + b"<g filter='url(#f)'/>" * 20), LIMITS)
    assert again.filtering == pytest.approx(2 * one.filtering, rel=0.1)


def test_the_prediction_grows_with_shapes_pixels_and_tiles() -> None:
    plain, shapes, blurred = (
        read_facts(Source.from_bytes(svg(body, LARGE)), LIMITS).drawing_seconds
        for body in (b"", b"<g/>" * 1000, filtered(BLUR))
    )
    assert plain < 0.001
    assert shapes == pytest.approx(4 * 1001 * 80e-6)
    assert blurred == pytest.approx(4 * 16e6 * 367e-9, rel=0.01)
    small = read_facts(Source.from_bytes(svg(filtered(BLUR))), LIMITS).drawing_seconds
    assert small < 0.01


def test_a_limit_itself_is_allowed() -> None:
    limits = EngineLimits(allow_svg=True, max_parts=4)
    assert survey(svg(b"<g/>" * 3), limits).parts == 4
    with pytest.raises(SourceTooLarge, match="5 parts or more, the limit is 4"):
        survey(svg(b"<g/>" * 4), limits)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "windows-1252"])
def test_other_encodings_are_read(encoding: str) -> None:
    words = f"<?xml version='1.0' encoding='{encoding}'?><svg><text>öl</text></svg>"
    assert survey(words.encode(encoding), LIMITS).parts == 4


@pytest.mark.parametrize(
    "words", [b"<svg><g></svg>", b"<?xml version='1.0' encoding='none'?><svg/>", b"<svg>&x;</svg>"]
)
def test_what_is_no_xml_is_told(words: bytes) -> None:
    with pytest.raises(SourceCorrupt, match="cannot be decoded: "):
        survey(words, LIMITS)
