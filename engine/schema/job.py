"""The request schema: jobs and batches, and how results are saved.

Nothing here knows an image's size or how pixels are made. The names are those of the API
documentation; `engine.expand` is the only place that interprets them.
"""

from enum import Enum, StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from engine.errors import UnsupportedFormat
from engine.schema.describe import Describe
from engine.schema.encoder_options import Options, SaveOptions
from engine.schema.keys import Key
from engine.schema.names import Keep
from engine.schema.quality import LEAST_SIMILARITY, ByteCount, Quality, Similarity
from engine.schema.scalars import Colour, InvalidField, shown
from engine.schema.store_options import NOTHING, StoreOptions
from engine.schema.transforms import Transformation


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
        return ENDINGS.get(str(value).lower())


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


class Damaged(StrEnum):
    """What becomes of a job whose images are damaged: it fails, or takes what can be read."""

    REFUSE = "refuse"
    ACCEPT = "accept"


class Priority(Enum):
    """Which of two waiting processes goes first."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Job(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One output: where it goes, how it is made, how it is saved."""

    destination: Key
    transformations: tuple[Transformation, ...]
    quality: Quality = Quality(70)
    min_ssim: Similarity | UnsetType = UNSET
    max_bytes: ByteCount | UnsetType = UNSET
    format: Format | UnsetType = UNSET
    options: Options = Options({})
    background: Colour = Colour((255, 255, 255, 255))
    keep: Keep = Keep()
    mode: Mode | UnsetType = UNSET
    damaged: Damaged = Damaged.REFUSE
    store: StoreOptions = NOTHING
    describe: Describe = Describe()

    def __post_init__(self) -> None:
        if self.background[3] < 255:
            raise InvalidField("background", "expected an opaque colour, got one with an alpha")
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
        self._check_quality(options)
        if "copyright" in self.keep and not options.rights:
            found = self.output_format.value
            raise InvalidField("keep", f"expected a format that has a place for it, got {found}")

    def _check_quality(self, options: SaveOptions) -> None:
        """Refuse a search where there is nothing to search, or what it would not heed."""
        place, said = ("quality", '"auto"') if self.quality.number is None else ("max_bytes", "it")
        if self.searches_quality and not options.searchable:
            exact = "" if not hasattr(options, "lossless") else "lossless "
            found = f"{exact}{self.output_format.value}"
            raise InvalidField(
                place, f"expected a result in jpeg, lossy webp or avif beside {said}, got {found}"
            )
        if self.min_ssim is not UNSET and self.quality.number is not None:
            raise InvalidField("min_ssim", "expected 'quality': \"auto\" beside it")

    @property
    def searches_quality(self) -> bool:
        """Whether the quality is found by trying."""
        return self.quality.number is None or self.max_bytes is not UNSET

    @property
    def least_similarity(self) -> float | None:
        """The SSIM that a searched quality has to keep; None if only bytes count."""
        if self.min_ssim is not UNSET:
            return float(self.min_ssim)
        return None if self.max_bytes is not UNSET else LEAST_SIMILARITY

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
