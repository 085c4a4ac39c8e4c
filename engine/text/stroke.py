"""Strokes around letters: the coverage of the letters, dilated by a disc."""

from collections import defaultdict
from math import ceil, hypot, sqrt

from engine.vips import Ink, black, greatest, in_bytes


def stroked(ink: Ink, radius: float) -> Ink:
    """Grow coverage by `radius` pixels to all sides, with smooth edges.

    Each pixel becomes the greatest of its neighbours, times how far the disc around such a
    neighbour covers it: wholly up to the radius, not at all from a pixel further on. Those that
    are covered wholly are taken row by row of the disc, the rows growing from one to the next.
    """
    reach = ceil(radius)
    wide, high = ink.image.width + 2 * reach, ink.image.height + 2 * reach
    around = ink.image.embed(2 * reach, 2 * reach, wide + 2 * reach, high + 2 * reach).copy_memory()
    run = around.crop(reach, 0, wide, high + 2 * reach)
    grown = black(wide, high)
    for half, rows in enumerate(_rows(radius)):
        if half:
            sides = [around.crop(reach + at, 0, wide, high + 2 * reach) for at in (-half, half)]
            run = greatest([run, *sides]).copy_memory()
        moved = [run.crop(0, reach + down, wide, high) for down in rows]
        grown = greatest([grown, *moved]).copy_memory()
    for share, places in _edge(radius).items():
        moved = [around.crop(reach + x, reach + y, wide, high) for x, y in places]
        grown = greatest([grown, in_bytes(greatest(moved) * share)]).copy_memory()
    return Ink(grown, ink.left - reach, ink.top - reach)


def _rows(radius: float) -> list[list[int]]:
    """Return the rows of a disc by how many pixels they reach to either side."""
    rows: list[list[int]] = [[] for _ in range(int(radius) + 1)]
    for down in range(-int(radius), int(radius) + 1):
        rows[int(sqrt(radius**2 - down**2))].append(down)
    return rows


def _edge(radius: float) -> dict[float, list[tuple[int, int]]]:
    """Return the pixels that a disc covers in part, by the share that it covers."""
    reach = ceil(radius)
    edge: dict[float, list[tuple[int, int]]] = defaultdict(list)
    for x in range(-reach, reach + 1):
        for y in range(-reach, reach + 1):
            share = radius + 1 - hypot(x, y)
            if 0 < share < 1:
                edge[share].append((x, y))
    return edge
