"""ulb: near-black bars at the top and the bottom, by the documented rule."""

import numpy as np
import pytest

from engine import Source, Stats, render
from engine.explain import explain
from tests.engine.images import Json, Pixels, encoded, job, make, noise, pixels_of

IMAGE = (noise(50, 40) // 2 + 100).astype(np.uint8)


def letterboxed(top: int, bottom: int, value: int = 0) -> Pixels:
    made = IMAGE.copy()
    made[:top] = value
    made[len(made) - bottom :] = value
    return made


@pytest.mark.parametrize(
    ("top", "bottom", "value", "kept"),
    [
        (8, 6, 0, (8, 34)),
        (8, 0, 0, (8, 40)),
        (0, 1, 0, (0, 39)),
        (5, 5, 32, (5, 35)),
        (5, 5, 33, (0, 40)),  # too light
        (40, 0, 0, (0, 40)),  # nothing would remain
        (0, 0, 0, (0, 40)),
    ],
)
def test_bars(top: int, bottom: int, value: int, kept: tuple[int, int]) -> None:
    source = letterboxed(top, bottom, value)
    made = pixels_of(encoded(source), {"type": "ulb"})
    assert np.array_equal(made, source[kept[0] : kept[1]])


def test_an_uneven_row_begins_no_bar() -> None:
    source = letterboxed(8, 6)
    source[0, 3] = 9
    source[-1, 3] = 8
    assert len(pixels_of(encoded(source), {"type": "ulb"})) == 34
    made = pixels_of(encoded(source), {"type": "ulb"})
    assert np.array_equal(made, source[:34])


def test_a_bar_goes_on_while_rows_are_like_the_first() -> None:
    source = letterboxed(8, 0)
    source[4] = 10
    source[6] = 11
    assert np.array_equal(pixels_of(encoded(source), {"type": "ulb"}), source[6:])


def test_alpha_is_ignored() -> None:
    source = np.dstack([letterboxed(8, 6), noise(50, 40, 1)])
    assert np.array_equal(pixels_of(encoded(source), {"type": "ulb"}), source[8:34])


def test_sizes_after_it_refer_to_what_it_left() -> None:
    steps = [{"type": "ulb"}, {"type": "resize", "height": "50%"}]
    output = make(encoded(letterboxed(8, 6)), *steps)
    assert output.height == 13


def test_bars_are_looked_for_where_the_list_says() -> None:
    """After a negative the bars are white; after two quarter turns they are at the sides."""
    source = letterboxed(8, 6)
    negative = {"type": "filter", "filter": "negate"}
    assert len(pixels_of(encoded(source), negative, {"type": "ulb"})) == 40
    turned = pixels_of(encoded(source), {"type": "rotate", "degrees": 90}, {"type": "ulb"})
    assert turned.shape[:2] == (50, 40)
    twice = pixels_of(encoded(source), {"type": "ulb"}, negative, negative, {"type": "ulb"})
    assert len(twice) == 26


def test_it_costs_one_more_reading() -> None:
    stats = Stats()
    list(render(Source.from_bytes(encoded(letterboxed(8, 6))), [job({"type": "ulb"})], stats=stats))
    assert stats.decode_passes == 2


def test_explain_states_what_it_assumes() -> None:
    steps: list[Json] = [
        {"type": "resize", "width": 30},
        {"type": "ulb"},
        {"type": "flip", "direction": "x"},
    ]
    explained = explain(Source.from_bytes(encoded(letterboxed(8, 6))), [job(*steps)])
    assert explained.jobs[0].assumptions == ("transformations[1] (ulb) finds no bars",)
    assert "assumed" in str(explained)
    assert "mirror" in str(explained)
