"""Encoder options: how a result is written.

One struct for each format; the defaults are those with the best ratio of time to bytes,
measured side by side on photographs.
"""

import difflib
from collections.abc import Mapping
from functools import cache
from typing import Any

from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from engine.schema.scalars import Choice, Flag, InvalidField, Number, clipped, shown


class Effort(Number, low=0, high=9, whole=True):
    """How much time is spent for fewer bytes."""


class WebpEffort(Number, low=0, high=6, whole=True):
    """How much time is spent for fewer bytes."""


class GifEffort(Number, low=1, high=10, whole=True):
    """How much time is spent for fewer bytes."""


class Percent(Number, low=0, high=100, whole=True):
    """A quality."""


class Dither(Number, low=0, high=1):
    """How far colours are mixed of those that a palette has."""


class PaletteBits(Number, low=1, high=8, whole=True):
    """A palette of two to this power colours."""


class PngBits(Number, among=(1, 2, 4, 8)):
    """Bits of a pixel."""


class AvifBits(Number, among=(8, 10, 12)):
    """Bits of a channel."""


class Subsampling(Choice, choices=("auto", "4:2:0", "4:4:4")):
    """Whether colours are stored at half the width and height: auto does below quality 90."""


class PngFilter(Choice, choices=("none", "sub", "up", "average", "paeth", "all")):
    """What a row is predicted from."""


class TiffCompression(Choice, choices=("none", "deflate", "lzw", "packbits", "jpeg")):
    """How TIFF's strips are packed."""


class SaveOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the options of all formats have in common: defaults, and checks for conflicts."""

    @property
    def lossy(self) -> bool:
        """Whether the encoding is lossy, so that a job's quality matters."""
        return False

    @property
    def searchable(self) -> bool:
        """Whether the best quality for a purpose can be searched: more is larger and nearer."""
        return False

    @property
    def alpha(self) -> bool:
        """Whether transparency is kept, where the format has any."""
        return True

    @property
    def rights(self) -> bool:
        """Whether the format has a place for artist and copyright."""
        return True

    def __str__(self) -> str:
        """Show what differs from the defaults."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return ", ".join(f"{name} {given[name]}" for name in given if self._differs(name))

    def _refuse(self, why: str, *names: str) -> None:
        """Refuse options that differ from their defaults but can have no effect."""
        for name in self.__struct_fields__:
            if name in names and self._differs(name):
                raise InvalidField(name, why)

    def _differs(self, name: str) -> bool:
        return bool(getattr(self, name) != fields_of(type(self))[name].default)


@cache
def fields_of(kind: type[SaveOptions]) -> Mapping[str, FieldInfo]:
    """Return a format's options by name; cached, since msgspec computes them each time."""
    return {field.name: field for field in fields(kind)}


class JpegOptions(SaveOptions, frozen=True):
    """Plain baseline: optimised tables cost three times as much for 2 % of the bytes."""

    progressive: Flag = Flag(False)
    optimize: Flag = Flag(False)
    trellis: Flag = Flag(False)
    subsampling: Subsampling = Subsampling("auto")

    @property
    def lossy(self) -> bool:
        """Always."""
        return True

    @property
    def searchable(self) -> bool:
        """Always."""
        return True


class PngOptions(SaveOptions, frozen=True):
    """Level 2 with the `sub` filter is both smaller and faster than libvips' default."""

    compression: Effort = Effort(2)
    filter: PngFilter = PngFilter("sub")
    progressive: Flag = Flag(False)
    palette: Flag = Flag(False)
    bits: PngBits = PngBits(8)
    dither: Dither = Dither(1)

    @property
    def lossy(self) -> bool:
        """With a palette, which is chosen by quality."""
        return bool(self.palette)

    def __post_init__(self) -> None:
        if not self.palette:
            self._refuse("expected 'palette': true beside it", "bits", "dither")


class WebpOptions(SaveOptions, frozen=True):
    """Effort 2 takes less than half the time of libvips' default, 4."""

    effort: WebpEffort = WebpEffort(2)
    lossless: Flag = Flag(False)
    near_lossless: Flag = Flag(False)
    alpha_quality: Percent = Percent(100)
    sharp: Flag = Flag(False)

    @property
    def lossy(self) -> bool:
        """Unless it is lossless; quality also tells how near near_lossless is."""
        return not self.lossless

    @property
    def searchable(self) -> bool:
        """Unless it is lossless, or nearly."""
        return not (self.lossless or self.near_lossless)

    def __post_init__(self) -> None:
        if self.lossless or self.near_lossless:
            exact = "lossless" if self.lossless else "near_lossless"
            self._refuse(f"expected nothing lossy beside {exact!r}", "alpha_quality", "sharp")
        if self.lossless:
            self._refuse("expected only one of 'lossless' and 'near_lossless'", "near_lossless")


class AvifOptions(SaveOptions, frozen=True):
    """Effort 2 takes an eighth of the time of libvips' default, 4, for 9 % more bytes."""

    effort: Effort = Effort(2)
    lossless: Flag = Flag(False)
    subsampling: Subsampling = Subsampling("auto")
    bits: AvifBits = AvifBits(8)

    @property
    def lossy(self) -> bool:
        """Unless it is lossless."""
        return not self.lossless

    @property
    def searchable(self) -> bool:
        """Unless it is lossless."""
        return not self.lossless

    def __post_init__(self) -> None:
        if self.lossless:
            self._refuse("expected nothing lossy beside 'lossless'", "subsampling", "bits")


class GifOptions(SaveOptions, frozen=True):
    """Effort 3 takes a fifth of the time of libvips' default, 7, for 7 % more bytes."""

    effort: GifEffort = GifEffort(3)
    bits: PaletteBits = PaletteBits(8)
    dither: Dither = Dither(1)
    progressive: Flag = Flag(False)

    @property
    def rights(self) -> bool:
        """GIF has only comments."""
        return False


class TiffOptions(SaveOptions, frozen=True):
    """Deflate makes 13 % fewer bytes than LZW in about the same time."""

    compression: TiffCompression = TiffCompression("deflate")
    predictor: Flag = Flag(True)
    tile: Flag = Flag(False)

    @property
    def lossy(self) -> bool:
        """With JPEG within TIFF."""
        return self.compression == "jpeg"

    @property
    def alpha(self) -> bool:
        """JPEG within TIFF has none."""
        return self.compression != "jpeg"

    def __post_init__(self) -> None:
        if self.compression not in {"deflate", "lzw"}:
            self._refuse("expected 'compression' deflate or lzw beside it", "predictor")


KINDS: dict[str, type[SaveOptions]] = {
    "jpeg": JpegOptions,
    "png": PngOptions,
    "webp": WebpOptions,
    "gif": GifOptions,
    "avif": AvifOptions,
    "tiff": TiffOptions,
}


class Options:
    """A job's ``options`` as they were given, until its format is known."""

    __slots__ = ("given",)

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given

    @classmethod
    def parse(cls, raw: object) -> "Options":
        """Read a JSON object."""
        if not isinstance(raw, dict):
            raise ValueError(f"expected an object, got {shown(raw)}")  # noqa: TRY004
        return cls(raw)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        return {"type": "object"}

    def of(self, format_name: str) -> SaveOptions:
        """Read them as those of a format; InvalidField names the option that is not one."""
        kind = KINDS[format_name]
        if not self.given:
            return _defaults(kind)
        known = fields_of(kind)
        values = {}
        for name, raw in self.given.items():
            if name not in known:
                raise _unknown(name, format_name)
            try:
                values[name] = known[name].type.parse(raw)
            except ValueError as error:
                raise InvalidField(name, str(error)) from None
        return kind(**values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Options) and self.given == other.given

    def __hash__(self) -> int:
        return hash(frozenset(self.given))

    def __repr__(self) -> str:
        return repr(self.given)


@cache
def _defaults(kind: type[SaveOptions]) -> SaveOptions:
    return kind()


def _unknown(name: str, format_name: str) -> InvalidField:
    """Say whose option it is, or which one may be meant."""
    own = list(fields_of(KINDS[format_name]))
    others = [kind for kind in KINDS if name in fields_of(KINDS[kind])]
    if others:
        *most, last = others
        listed = f"{', '.join(most)} and {last}" if most else last
        whose = f"{name!r} is an option of {listed}"
        return InvalidField(
            name, f"{whose}, and this is saved as {format_name}, which has {', '.join(own)}"
        )
    name = clipped(name)
    close = difflib.get_close_matches(name.lower(), own, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"{format_name} has {', '.join(own)}"
    return InvalidField(name, f"unknown option {name!r}; {hint}", "unknown_field")
