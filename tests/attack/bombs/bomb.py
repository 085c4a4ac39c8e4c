"""What a bomb is."""

from collections.abc import Callable
from typing import NamedTuple


class Bomb(NamedTuple):
    """How to make the file, and how often its pixels are gone over if they are decoded."""

    make: Callable[[], bytes]
    passes: float = 1
