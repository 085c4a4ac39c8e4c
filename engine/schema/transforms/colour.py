"""Transformations that change colours, pixel by pixel: schema only."""

from engine.schema.scalars import Number
from engine.schema.transforms.base import Transform


class BrightLevel(Number, low=-255, high=255, whole=True):
    """What brightness adds."""


class ContrastLevel(Number, low=-100, high=100, whole=True):
    """Percent of contrast."""


class ColourLevel(Number, low=0, high=255, whole=True):
    """What colorize adds to a channel."""


class Brightness(Transform, frozen=True):
    """Adds to every channel."""

    bright_level: BrightLevel


class Colorize(Transform, frozen=True):
    """Adds to each channel."""

    red: ColourLevel = ColourLevel(0)
    green: ColourLevel = ColourLevel(0)
    blue: ColourLevel = ColourLevel(0)


class Contrast(Transform, frozen=True):
    """Spreads values from the middle grey (above 0) or draws them to it (below 0)."""

    level: ContrastLevel
