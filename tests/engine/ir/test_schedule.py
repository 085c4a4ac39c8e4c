"""Scheduling: where pixels are buffered, decided from the nodes alone."""

import pytest

from engine.ir import (
    Buffering,
    Convolve,
    Decode,
    Enhance,
    Flatten,
    Frame,
    Node,
    Orient,
    Overlay,
    Premultiply,
    Resample,
    Rotate,
    SelectiveBlur,
    TextLayer,
    ToSrgb,
    Unpremultiply,
    source_frame,
    stages,
)
from engine.sources import Facts, SourceFormat

FACTS = Facts(format=SourceFormat.PNG, width=400, height=300, bands=3, alpha=True)
SOURCE = (Decode(), ToSrgb())
MASK = Convolve((0, 0, 0, 0, 1, 0, 0, 0, 0))
QUARTER = Orient(quarters=1)
TILT = (Premultiply(), Rotate(20, 480, 420), Unpremultiply())
TEXT = Overlay(TextLayer(("a",), ("Liberation Sans",), 9, (0, 0, 0, 255), 8, 10), 0, 0)


def kept(*nodes: Node, frame: Frame | None = None) -> list[tuple[int, Buffering]]:
    """Return the places where something is kept."""
    run = stages(nodes, frame or source_frame(FACTS), in_memory=frame is not None)
    return [
        (at, each.buffering)
        for at, each in enumerate(run)
        if each.buffering is not Buffering.NOTHING
    ]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ((*SOURCE, MASK), []),
        ((*SOURCE, MASK, Flatten(), MASK), [(4, Buffering.ROWS)]),
        ((*SOURCE, Premultiply(), Resample(9, 9), Unpremultiply(), MASK), [(5, Buffering.ROWS)]),
        ((*SOURCE, QUARTER), [(2, Buffering.MEMORY)]),
        ((*SOURCE, QUARTER, MASK), [(2, Buffering.MEMORY), (3, Buffering.ROWS)]),
        ((*SOURCE, *TILT), [(3, Buffering.MEMORY)]),
        (
            (*SOURCE, *TILT, MASK, MASK),
            [(3, Buffering.MEMORY), (5, Buffering.TILES), (6, Buffering.ROWS)],
        ),
        ((*SOURCE, *TILT, TEXT), [(3, Buffering.MEMORY), (5, Buffering.TILES)]),
        ((*SOURCE, TEXT, TEXT), [(2, Buffering.MEMORY)]),
    ],
)
def test_what_is_kept_on_the_way(nodes: tuple[Node, ...], expected: object) -> None:
    assert kept(*nodes) == expected


def test_a_long_row_of_nodes_that_branch_is_cut() -> None:
    rows, memory = Buffering.ROWS, Buffering.MEMORY
    cut = [(3, rows), (4, rows), (5, rows), (6, memory), (7, rows)]
    assert kept(*SOURCE, *[Enhance()] * 6) == cut
    assert kept(*SOURCE, *[SelectiveBlur()] * 6) == cut
    assert (6, memory) not in kept(*SOURCE, *[MASK] * 6)


def test_what_is_in_memory_already_is_not_put_there_again() -> None:
    assert kept(QUARTER, QUARTER, frame=source_frame(FACTS)) == [(1, Buffering.MEMORY)]
    assert kept(MASK, QUARTER, frame=source_frame(FACTS)) == [(1, Buffering.MEMORY)]
    assert kept(TEXT, frame=source_frame(FACTS)) == []
