"""The definition of a preset: a name, and the part of a job that it stands for."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, Union

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from engine.errors import InvalidRequest, LimitExceeded
from engine.schema import (
    KINDS,
    TYPES,
    ByteCount,
    Colour,
    Damaged,
    Describe,
    Format,
    InvalidField,
    Keep,
    Limits,
    Mode,
    Options,
    Quality,
    Similarity,
    StoreOptions,
    Transform,
    parse,
    shown,
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
EXPECTED_NAME = (
    "the name of a preset: 1 to 64 of A-Z a-z 0-9 _ . -, the first one a letter or a digit"
)


class PresetName(str):
    """The name of a preset."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a name; ValueError says what was expected."""
        if isinstance(raw, str) and NAME.fullmatch(raw):
            return cls(raw)
        raise ValueError(f"expected {EXPECTED_NAME}, got {shown(raw)}")

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Give the JSON Schema of what is accepted."""
        return {"type": "string", "pattern": f"^{NAME.pattern}$", "description": EXPECTED_NAME}


class PresetStep(Transform, frozen=True, tag="preset"):
    """A step of a job that stands for the transformations of a preset."""

    name: PresetName


if TYPE_CHECKING:
    Step = Transform
else:
    Step = Union[(*TYPES.values(), PresetStep)]


class PresetDefinition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of a job that a preset stands for: any field but its destination, at least one."""

    transformations: tuple[Step, ...] | UnsetType = UNSET
    quality: Quality | UnsetType = UNSET
    min_ssim: Similarity | UnsetType = UNSET
    max_bytes: ByteCount | UnsetType = UNSET
    format: Format | UnsetType = UNSET
    options: Options | UnsetType = UNSET
    background: Colour | UnsetType = UNSET
    keep: Keep | UnsetType = UNSET
    store: StoreOptions | UnsetType = UNSET
    describe: Describe | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET
    damaged: Damaged | UnsetType = UNSET

    def __post_init__(self) -> None:
        names = self.__struct_fields__
        if all(getattr(self, name) is UNSET for name in names):
            raise ValueError(f"expected at least one of {', '.join(names)}, got none")
        for index, step in enumerate(self.transformations or ()):
            if isinstance(step, PresetStep):
                place = f"transformations[{index}]"
                raise InvalidField(place, "expected no preset in a preset: they are one level deep")
        if self.background is not UNSET and self.background[3] < 255:
            raise InvalidField("background", "expected an opaque colour, got one with an alpha")
        if self.min_ssim is not UNSET and (
            self.quality is UNSET or self.quality.number is not None
        ):
            raise InvalidField("min_ssim", "expected 'quality': \"auto\" beside it")
        if self.options is not UNSET:
            _check_options(self.options, [*KINDS] if self.format is UNSET else [self.format.value])


class RawDefinition(Struct, frozen=True):
    """A definition as raw JSON: its transformations, and its other fields by their names."""

    transformations: tuple[Raw, ...] | None
    fields: dict[str, Raw]

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a definition that was saved."""
        fields = msgspec.json.decode(text, type=dict[str, Raw])
        steps = fields.pop("transformations", None)
        return cls(None if steps is None else _steps.decode(steps), fields)


_steps = msgspec.json.Decoder(tuple[Raw, ...])


def read_name(raw: object, path: str) -> PresetName:
    """Read the name of a preset that stands at a place; raises InvalidRequest."""
    try:
        return PresetName.parse(raw)
    except ValueError as error:
        raise InvalidRequest(f"{path}: {error}", path) from None


def read_definition(body: bytes, limits: Limits, max_bytes: int) -> str:
    """Check a definition of at most `max_bytes`, and give it as text; raises InvalidRequest."""
    if len(body) > max_bytes:
        raise InvalidRequest(
            f"expected a preset of at most {max_bytes} bytes, got {len(body)}",
            code=LimitExceeded.code,
        )
    definition = parse(body, PresetDefinition, limits)
    most, count = limits.max_transformations, len(definition.transformations or ())
    if count > most:
        path = "transformations"
        raise InvalidRequest(
            f"{path}: expected at most {most} transformations, got {count}",
            path,
            code=LimitExceeded.code,
        )
    return body.decode()


def _check_options(options: Options, formats: Sequence[str]) -> None:
    """Raise InvalidField unless they are options of one of the formats.

    If they are of none, the error is that of the format that has the most of them.
    """
    refusals: list[tuple[int, InvalidField]] = []
    for name in formats:
        try:
            options.of(name)
        except InvalidField as error:
            known = len(options.given.keys() & set(KINDS[name].__struct_fields__))
            refusals.append((known, error))
        else:
            return
    nearest = max(refusals, key=lambda refusal: refusal[0])[1]
    raise InvalidField(f"options.{nearest.place}", str(nearest), nearest.code)
