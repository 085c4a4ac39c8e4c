"""The request schema: one struct per transformation, then jobs and batches.

Nothing here knows an image's size or how pixels are made. The names are those of the API
documentation; `engine.expand` is the only place that interprets them.
"""

import re
from enum import Enum, StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import force_setattr

from engine.errors import UnsupportedFormat
from engine.schema.encoder_options import Keep, Options, SaveOptions
from engine.schema.scalars import (
    Colour,
    Flag,
    Height,
    InvalidField,
    Key,
    Number,
    Offset,
    Width,
    shown,
)


class Gravity(Enum):
    """Where something is placed in an area; ``middle`` is read as ``center``."""

    CENTER = "center"
    NORTH = "north"
    NORTHEAST = "northeast"
    EAST = "east"
    SOUTHEAST = "southeast"
    SOUTH = "south"
    SOUTHWEST = "southwest"
    WEST = "west"
    NORTHWEST = "northwest"

    @classmethod
    def _missing_(cls, value: object) -> "Gravity | None":
        return cls.CENTER if value == "middle" else None


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


class FitType(Enum):
    """How an image is fitted into a box."""

    BOX = "box"
    STRETCH = "stretch"
    CROPBOX = "cropbox"
    LETTERBOX = "letterbox"
    OUTSIDE = "outside"


class Direction(Enum):
    """``x`` = ``horizontal`` mirrors left and right, ``y`` = ``vertical`` top and bottom."""

    X = "x"
    Y = "y"
    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"

    @property
    def sideways(self) -> bool:
        """Whether left and right are exchanged, rather than top and bottom."""
        return self in {Direction.X, Direction.HORIZONTAL}


class Format(Enum):
    """The formats that are read or written, by the name of their family."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    AVIF = "avif"
    TIFF = "tiff"

    @classmethod
    def _missing_(cls, value: object) -> "Format | None":
        return ENDINGS.get(str(value))


ENDINGS = {
    **{format_.value: format_ for format_ in Format},
    "jpg": Format.JPEG,
    "jpe": Format.JPEG,
    "tif": Format.TIFF,
}


class Mode(StrEnum):
    """The fidelity of pixels: exact, bit for bit, or within stated tolerances."""

    EXACT = "exact"
    BALANCED = "balanced"


class Priority(Enum):
    """Which of two waiting processes goes first."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class BrightLevel(Number, low=-255, high=255, whole=True):
    """What brightness adds."""


class ContrastLevel(Number, low=-100, high=100, whole=True):
    """Percent of contrast."""


class ColourLevel(Number, low=0, high=255, whole=True):
    """What colorize adds to a channel."""


class Distance(Number, low=0, high=100_000):
    """Pixels."""


class Degrees(Number, low=0, high=360, decimals=2):
    """Clockwise."""


class FontSize(Number, above=0):
    """The em size in pixels."""


class Opacity(Number, low=0, high=10):
    """Tenths."""


class ZoomLevel(Number, low=0, high=10):
    """Pixels of the screen for each one of the page."""


class Quality(Number, low=0, high=100, whole=True):
    """Of lossy formats."""


class Transform(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag=str.lower
):
    """What all transformations share: a tag named ``type``, no unknown key, no change."""


def _need_one(transform: Struct, *names: str) -> None:
    if all(getattr(transform, name) is UNSET for name in names):
        raise ValueError(f"expected at least one of {' and '.join(map(repr, names))}, got neither")


CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


class Annotation(Transform, frozen=True):
    """Text drawn over the image; a line feed begins a new line."""

    text: str
    font: Annotated[str, Meta(min_length=1, max_length=200)] = "Arial"
    size: FontSize = FontSize(12)
    color: Colour = Colour((0, 0, 0, 255))
    gravity: Gravity = Gravity.CENTER
    xoffset: Offset = Offset(0)
    yoffset: Offset = Offset(0)

    def __post_init__(self) -> None:
        if found := CONTROL.search(self.text):
            what = f"expected text without control characters, got U+{ord(found[0]):04X}"
            raise InvalidField("text", what)


class Blur(Transform, frozen=True):
    """A Gaussian blur; the radius follows from sigma, or sigma from the radius."""

    sigma: Distance | UnsetType = UNSET
    radius: Distance | UnsetType = UNSET

    def __post_init__(self) -> None:
        _need_one(self, "sigma", "radius")


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


class Crop(Transform, frozen=True):
    """Cuts a window: out of the image scaled to cover it (`fit`), or as it is."""

    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    gravity: Gravity = Gravity.CENTER
    xoffset: Offset = Offset(0)
    yoffset: Offset = Offset(0)
    fit: Flag = Flag(True)

    def __post_init__(self) -> None:
        _need_one(self, "width", "height")


class Enhance(Transform, frozen=True):
    """Noise reduction in a 5 × 5 window."""


class Filter(Transform, frozen=True):
    """One of the named filters."""

    filter: FilterName


class FitMethod(Transform, frozen=True):
    """Fits the image into a box, in one of five ways."""

    fit_type: FitType
    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    gravity: Gravity = Gravity.CENTER
    color: Colour = Colour((0, 0, 0, 255))
    opacity: Opacity = Opacity(10)

    def __post_init__(self) -> None:
        _need_one(self, "width", "height")


class Flip(Transform, frozen=True):
    """A mirror image."""

    direction: Direction


class Resize(Transform, frozen=True):
    """Scales to a size; a side that is not given follows the image's shape."""

    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET

    def __post_init__(self) -> None:
        _need_one(self, "width", "height")


class Rotate(Transform, frozen=True):
    """Rotates clockwise."""

    degrees: Degrees


class Ulb(Transform, frozen=True):
    """Un-letterbox: removes near-black bars at the top and the bottom."""


class Watermark(Transform, frozen=True):
    """Another image laid over this one; its source may be named ``source`` or ``Source``."""

    source: Key | UnsetType = UNSET
    source_capitalised: Key | UnsetType = field(default=UNSET, name="Source")
    gravity: Gravity = Gravity.CENTER
    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    xoffset: Offset = Offset(0)
    yoffset: Offset = Offset(0)

    def __post_init__(self) -> None:
        if (self.source is UNSET) == (self.source_capitalised is UNSET):
            raise ValueError("expected 'source' (or 'Source') exactly once")
        if self.source is UNSET:
            force_setattr(self, "source", self.source_capitalised)
            force_setattr(self, "source_capitalised", UNSET)

    @property
    def key(self) -> Key:
        """The watermark's own source."""
        assert self.source is not UNSET  # noqa: S101 - checked by __post_init__
        return self.source


class Zoom(Transform, frozen=True):
    """Scales for dense screens: `level` times the size, as far as the pixels reach."""

    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    level: ZoomLevel = ZoomLevel(1)

    def __post_init__(self) -> None:
        _need_one(self, "width", "height")


Transformation = (
    Annotation
    | Blur
    | Brightness
    | Colorize
    | Contrast
    | Crop
    | Enhance
    | Filter
    | FitMethod
    | Flip
    | Resize
    | Rotate
    | Ulb
    | Watermark
    | Zoom
)

TYPES: dict[str, type[Transform]] = {
    kind.__name__.lower(): kind for kind in Transform.__subclasses__()
}


class Job(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One output: where it goes, how it is made, how it is saved."""

    destination: Key
    transformations: tuple[Transformation, ...]
    quality: Quality = Quality(70)
    format: Format | UnsetType = UNSET
    options: Options = Options({})
    keep: Keep = Keep()
    mode: Mode | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.format is UNSET and _format_of(self.destination) is None:
            raise InvalidField(
                "destination",
                f"expected an ending of {_known_endings()}, or a 'format' beside it, "
                f"got {shown(str(self.destination))}",
                UnsupportedFormat.code,
            )
        try:
            options = self.save_options
        except InvalidField as error:
            raise InvalidField(f"options.{error.place}", str(error), error.code) from None
        if "copyright" in self.keep and not options.rights:
            found = self.output_format.value
            raise InvalidField("keep", f"expected a format that has a place for it, got {found}")

    @property
    def save_options(self) -> SaveOptions:
        """How the result is written: `options`, read as those of its format."""
        return self.options.of(self.output_format.value)

    @property
    def output_format(self) -> Format:
        """The format that is written: `format`, or else the destination's ending."""
        named = self.format if self.format is not UNSET else _format_of(self.destination)
        assert named is not None  # noqa: S101 - checked by __post_init__
        return named


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One source and the jobs that are made of it."""

    source: Key
    jobs: Annotated[tuple[Job, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for index, job in enumerate(self.jobs):
            if job.destination in seen:
                raise InvalidField(
                    f"jobs[{index}].destination",
                    f"expected a destination of its own, got {shown(str(job.destination))} again",
                )
            seen.add(job.destination)


def _format_of(destination: str) -> Format | None:
    return ENDINGS.get(destination.rpartition("/")[2].rpartition(".")[2].lower())


def _known_endings() -> str:
    return ", ".join(f".{ending.value}" for ending in Format)
