"""Transformations that look at a pixel's neighbours, and the named filters: schema only."""

from enum import Enum

from msgspec import UNSET, UnsetType

from engine.schema.scalars import Number
from engine.schema.transforms.base import Transform, need_one


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
