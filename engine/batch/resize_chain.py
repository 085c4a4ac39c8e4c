"""Sizes that are scaled down from each other: a large result is where smaller ones begin.

Scaling 4000 pixels to 2048 and these to 800 reads a fifth of what scaling 4000 to 800 does.
A scaling maps the whole of a picture to the whole of the next, so nothing is displaced on
the way, however sides are rounded. But each step rounds, and leaves the edges a little
different; so a small picture, which costs nothing to begin at, is no step to a smaller one.
"""

from collections.abc import Iterable

from engine.geometry import Size
from engine.passes.algebra import ample

LEAST = 64  # pixels a side of what others are made from


def ladder(top: Size, goals: Iterable[Size]) -> dict[Size, tuple[Size, ...]]:
    """Tell for each goal which others to go through from the top, the largest first.

    Each is made from the smallest that has ample pixels for it; a goal that none of the
    others serves is made from the top, by way of none.
    """
    ways: dict[Size, tuple[Size, ...]] = {}
    for goal in sorted(set(goals), key=_by_pixels, reverse=True):
        steps = [size for size in ways if _is_step(size, top) and _serves(size, goal)]
        nearest = min(steps, key=_by_pixels, default=None)
        ways[goal] = () if nearest is None else (*ways[nearest], nearest)
    return ways


def _by_pixels(size: Size) -> tuple[int, Size]:
    return size.pixels, size


def _is_step(size: Size, top: Size) -> bool:
    return min(size) >= LEAST and size.width <= top.width and size.height <= top.height


def _serves(size: Size, goal: Size) -> bool:
    return ample(size.width, goal.width) and ample(size.height, goal.height)
