"""Transformations that change colours, pixel by pixel: schema only."""

from engine.schema.scalars import Number
from engine.schema.transforms.base import Transform


class BrightLevel(Number, low=-255, high=255, whole=True):
    """What brightness adds."""


class ContrastLevel(Number, low=-100, high=100, whole=True):
    """Percent of contrast."""


class ColourLevel(Number, low=0, high=255, whole=True):
    """What colorize adds to a channel."""


class GammaLevel(Number, low=0.1, high=10):
    """Above 1 brightens the middle, below 1 darkens it."""


class Percent(Number, low=0, high=1000):
    """100 changes nothing."""


class HueDegrees(Number, low=-360, high=360):
    """Around the wheel of hues."""


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


class Gamma(Transform, frozen=True):
    """Raises each channel to a power: black and white stay."""

    level: GammaLevel


class Modulate(Transform, frozen=True):
    """Brightness, saturation and hue, as in CSS."""

    brightness: Percent = Percent(100)
    saturation: Percent = Percent(100)
    hue: HueDegrees = HueDegrees(0)


class Normalize(Transform, frozen=True):
    """Stretches each channel over the whole range but for a hundredth at either end."""
