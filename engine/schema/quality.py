"""The quality of lossy formats: a number, or the criteria to search it by."""

from typing import Any

from engine.schema.scalars import Number, shown

AUTO = "auto"
LEAST_SIMILARITY = 0.98


class _Percent(Number, low=0, high=100, whole=True):
    """A quality as a number."""


class Quality:
    """A number from 0 to 100, or None for ``auto``."""

    __slots__ = ("number",)

    def __init__(self, number: int | None) -> None:
        self.number = number

    @classmethod
    def parse(cls, raw: object) -> "Quality":
        """Read a number, or ``"auto"``."""
        if raw == AUTO:
            return cls(None)
        try:
            return cls(int(_Percent.parse(raw)))
        except ValueError:
            what = f'expected {_Percent.expected()} or "{AUTO}", got {shown(raw)}'
            raise ValueError(what) from None

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        return {"anyOf": [_Percent.schema(), {"type": "string", "enum": [AUTO]}]}

    @property
    def json(self) -> int | str:
        """What a client would write."""
        return AUTO if self.number is None else self.number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quality) and self.number == other.number

    def __hash__(self) -> int:
        return hash(self.number)

    def __repr__(self) -> str:
        return repr(self.json)


class Similarity(Number, low=0, high=1):
    """An SSIM."""


class ByteCount(Number, low=1, whole=True):
    """The length of a file."""
