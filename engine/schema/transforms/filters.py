"""Transformations that look at a pixel's neighbours, and the named filters: schema only."""

from enum import Enum

from msgspec import UNSET, UnsetType

from engine.schema.scalars import Number
from engine.schema.transforms.base import Extent, Transform, need_one


class FilterName(Enum):
    """The named filters."""

    BW = "bw"
    SEPIA = "sepia"
    NEGATE = "negate"
    GRAYSCALE = "grayscale"
    EDGEDETECT = "edgedetect"
    EMBOSS = "emboss"
    BLURGAUSSIAN = "blurgaussian"
    BLURSELECTIVE = "blurselective"
    MEANREMOVAL = "meanremoval"
    SMOOTH = "smooth"


class Distance(Number, low=0, high=100_000):
    """Pixels."""


class SharpenSigma(Number, low=0.1, high=10):
    """Pixels."""


class Amount(Number, low=0, high=10):
    """Times the difference from the blurred image."""


class Threshold(Number, low=0, high=255):
    """Levels."""


class Blur(Transform, frozen=True):
    """A Gaussian blur; the radius follows from sigma, or sigma from the radius."""

    sigma: Distance | UnsetType = UNSET
    radius: Distance | UnsetType = UNSET

    def __post_init__(self) -> None:
        need_one(self, "sigma", "radius")


class Enhance(Transform, frozen=True):
    """Noise reduction in a 5 × 5 window."""


class Filter(Transform, frozen=True):
    """One of the named filters."""

    filter: FilterName


class Pixelate(Transform, frozen=True):
    """Makes each block one colour, its mean."""

    size: Extent


class Sharpen(Transform, frozen=True):
    """An unsharp mask: adds what a blur would take away."""

    sigma: SharpenSigma = SharpenSigma(0.5)
    amount: Amount = Amount(1)
    threshold: Threshold = Threshold(0)
