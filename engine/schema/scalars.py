"""The scalar types of the request schema: numbers, choices, flags, lengths, colours.

Each is a type of its own that reads one JSON value with `parse`, gives its JSON Schema with
`schema`, and raises a ValueError that says what was expected for anything else. msgspec calls
them through `decode_option` and adds the path to the message.
"""

import math
import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, Self

NUMERIC = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?\s*", re.ASCII)
LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(px|%|h|w)?\s*", re.IGNORECASE | re.ASCII)
OFFSET = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*(px|%)?\s*", re.IGNORECASE | re.ASCII)
COLOUR = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)
MAX_LENGTH = 10**9  # no image is as wide
MAX_DIGITS = 24  # more than any image's size needs
MAX_REMEMBERED = 4096  # numbers that were read


class InvalidField(ValueError):
    """A ValueError raised by a whole struct, about one of its fields or a place below it."""

    def __init__(self, place: str, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.place = place
        self.code = code


def shown(raw: object) -> str:
    """Show a JSON value in an error message: short, and written as JSON."""
    if raw is None:
        return "null"
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, list | dict):
        kind = "array" if isinstance(raw, list) else "object"
        return f"an {kind}" if raw else f"an empty {kind}"
    return clipped(f'"{raw}"' if isinstance(raw, str) else str(raw))


def clipped(text: str) -> str:
    """Cut a client's text to what an error message repeats of it."""
    return text if len(text) <= 60 else f"{text[:57]}…"


class Number(float):
    """A finite JSON number, or a string that holds one, between two bounds.

    `low` and `high` are inclusive; `above` is exclusive. `whole` drops the fraction
    after the bounds were checked; `decimals` is the most digits after the point. `among`
    lists all values that are taken.
    """

    low: ClassVar[float | None] = None
    high: ClassVar[float | None] = None
    above: ClassVar[float | None] = None
    whole: ClassVar[bool] = False
    decimals: ClassVar[int | None] = None
    among: ClassVar[tuple[int, ...]] = ()

    def __init_subclass__(
        cls,
        *,
        low: float | None = None,
        high: float | None = None,
        above: float | None = None,
        whole: bool = False,
        decimals: int | None = None,
        among: tuple[int, ...] = (),
    ) -> None:
        cls.low, cls.high, cls.above, cls.whole, cls.decimals = low, high, above, whole, decimals
        cls.among = among

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a JSON number or numeric string; ValueError says what was expected."""
        value = _finite(raw)
        if value is None or not cls._within(value) or not cls._has_few_decimals(raw):
            raise ValueError(f"expected {cls.expected()}, got {shown(raw)}")
        return cls(math.trunc(value) if cls.whole else value)

    @classmethod
    def expected(cls) -> str:
        """Describe what is accepted."""
        if cls.among:
            return f"one of {', '.join(map(str, cls.among))}"
        text = "a number"
        if cls.above is not None:
            text += f" above {cls.above:g}"
        elif cls.low is not None and cls.high is not None:
            text += f" from {cls.low:g} to {cls.high:g}"
        elif cls.low is not None:
            text += f" of {cls.low:g} or more"
        if cls.decimals is not None:
            text += f" with at most {cls.decimals} decimals"
        return text

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of a number; a string that spells one is accepted besides."""
        if cls.among:
            return {"type": "number", "enum": list(cls.among)}
        bounds = {"minimum": cls.low, "maximum": cls.high, "exclusiveMinimum": cls.above}
        return {
            "type": "number",
            **{name: bound for name, bound in bounds.items() if bound is not None},
            "description": cls.expected(),
        }

    @classmethod
    def _within(cls, value: float) -> bool:
        return (
            (not cls.among or value in cls.among)
            and (cls.low is None or value >= cls.low)
            and (cls.high is None or value <= cls.high)
            and (cls.above is None or value > cls.above)
        )

    @classmethod
    def _has_few_decimals(cls, raw: object) -> bool:
        if cls.decimals is None:
            return True
        shifted = Fraction(str(raw).strip()) * 10**cls.decimals
        return bool(shifted.denominator == 1)


def _finite(raw: object) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return None
    if isinstance(raw, str) and (len(raw) > 2 * MAX_DIGITS or not NUMERIC.fullmatch(raw)):
        return None
    try:
        value = float(raw)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


class Choice(str):
    """One of a few strings."""

    __slots__ = ()
    choices: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, choices: tuple[str, ...]) -> None:
        cls.choices = choices

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a string; ValueError names those that are known."""
        if isinstance(raw, str) and raw in cls.choices:
            return cls(raw)
        raise ValueError(f"expected one of {', '.join(cls.choices)}, got {shown(raw)}")

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        return {"type": "string", "enum": list(cls.choices)}


class Flag:
    """A boolean, or a string for one."""

    __slots__ = ("value",)

    def __init__(self, value: bool) -> None:
        self.value = value

    @classmethod
    def parse(cls, raw: object) -> "Flag":
        """Read ``true``, ``false``, ``"true"`` or ``"false"``."""
        known = {"true": True, "false": False}
        if isinstance(raw, bool):
            return cls(raw)
        if isinstance(raw, str) and raw.strip().lower() in known:
            return cls(known[raw.strip().lower()])
        raise ValueError(f"expected true or false, got {shown(raw)}")

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of a boolean; a string that spells one is accepted besides."""
        return {"type": "boolean"}

    def __bool__(self) -> bool:
        return self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Flag) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return str(self.value).lower()


class Length:
    """A distance in pixels, or relative to a side of the image it is measured on.

    `amount` is exact, so that rounding happens once, where a size is resolved.
    `unit` is ``px``, ``%`` (of the same side), ``h`` or ``w`` (of the other side).
    """

    __slots__ = ("amount", "unit")
    units: ClassVar[tuple[str, ...]] = ("px", "%")
    pattern: ClassVar[re.Pattern[str]] = LENGTH
    expected: ClassVar[str] = ""
    noun: ClassVar[str] = "a length"

    def __init__(self, amount: Fraction | int, unit: str = "px") -> None:
        self.amount = Fraction(amount)
        self.unit = unit

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read ``100``, ``"100"``, ``"100px"``, ``"50%"`` and what else `units` names."""
        if type(raw) is int:
            return cls._checked(Fraction(raw), "px", raw)
        text = str(raw) if _finite_number(raw) else raw
        if isinstance(text, str) and len(text) <= 2 * MAX_DIGITS:
            if text is not raw:
                return cls._checked(Fraction(text), "px", raw)
            if found := cls.pattern.fullmatch(text):
                return cls._checked(Fraction(found[1]), (found[2] or "px").lower(), raw)
        raise ValueError(f"expected {cls.expected}, got {shown(raw)}")

    @classmethod
    def _checked(cls, amount: Fraction, unit: str, raw: object) -> Self:
        if unit not in cls.units or not cls._in_range(amount):
            too_long = unit in cls.units and amount >= MAX_LENGTH
            expected = f"{cls.noun} below {MAX_LENGTH:,}" if too_long else cls.expected
            raise ValueError(f"expected {expected}, got {shown(raw)}")
        return cls(amount, unit)

    @classmethod
    def _in_range(cls, amount: Fraction) -> bool:
        return 0 < amount < MAX_LENGTH

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of pixels as a number, or of a string with a unit."""
        signed = cls._in_range(Fraction(-1))
        units = "|".join(_any_case(unit) for unit in cls.units)
        sign = "[+-]?" if signed else ""
        least = {"minimum": 0} if cls._in_range(Fraction(0)) else {"exclusiveMinimum": 0}
        number = {"type": "number", **({} if signed else least)}
        pattern = rf"^\s*{sign}[0-9]+(\.[0-9]+)?\s*({units})?\s*$"
        return {
            "anyOf": [number, {"type": "string", "pattern": pattern}],
            "description": cls.expected,
        }

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (self.amount, self.unit) == (other.amount, other.unit)

    def __hash__(self) -> int:
        return hash((self.amount, self.unit))

    def __repr__(self) -> str:
        return f"{float(self.amount):g}{self.unit}"


def _any_case(unit: str) -> str:
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in unit)


def _finite_number(raw: object) -> bool:
    return isinstance(raw, int | float) and not isinstance(raw, bool) and _finite(raw) is not None


class Width(Length):
    """A width: pixels, a share of the image's width (``%``) or of its height (``h``)."""

    units = ("px", "%", "h")
    noun = "a width"
    expected = (
        'a width above 0, such as 100, "100px", "50%" (of the width) or "50h" (of the height)'
    )


class Height(Length):
    """A height: pixels, a share of the image's height (``%``) or of its width (``w``)."""

    units = ("px", "%", "w")
    noun = "a height"
    expected = (
        'a height above 0, such as 100, "100px", "50%" (of the height) or "50w" (of the width)'
    )


class Offset(Length):
    """A displacement from where gravity puts something: pixels or ``%``, sign allowed."""

    pattern = OFFSET
    noun = "an offset"
    expected = 'an offset such as 100, "-100px" or "5%"'

    @classmethod
    def _in_range(cls, amount: Fraction) -> bool:
        return abs(amount) < MAX_LENGTH


class Colour(tuple[int, int, int, int]):
    """Red, green, blue and alpha, 0 to 255 each, from ``#rgb``, ``#rrggbb`` or ``#rrggbbaa``."""

    __slots__ = ()
    expected: ClassVar[str] = 'a hexadecimal colour such as "#f80", "#ff8800" or "#ff880080"'

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a colour; the leading ``#`` may be left out and case does not matter."""
        found = COLOUR.fullmatch(raw) if isinstance(raw, str) else None
        if not found:
            raise ValueError(f"expected {cls.expected}, got {shown(raw)}")
        digits = found[1] if len(found[1]) > 3 else "".join(2 * digit for digit in found[1])
        red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
        return cls((red, green, blue, alpha))

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        pattern = COLOUR.pattern.replace("a-f", "a-fA-F")
        return {"type": "string", "pattern": f"^{pattern}$", "description": cls.expected}


def decode_option(kind: type, raw: Any) -> Any:
    """Let msgspec read the types of this module (its `dec_hook`).

    Requests say the same numbers and sizes again and again: what they were read as is remembered.
    """
    if type(raw) in (int, float):
        return _remembered(kind, raw)
    if type(raw) is str and len(raw) <= 2 * MAX_DIGITS and issubclass(kind, REPEATED):
        return _remembered(kind, raw)
    return _read(kind, raw)


def _read(kind: type, raw: Any) -> Any:
    if hasattr(kind, "parse"):
        return kind.parse(raw)
    raise NotImplementedError(kind)


REPEATED = (Number, Choice, Flag, Length, Colour)
# 1 is not 1.0, and no error is remembered
_remembered: Callable[[type, Any], Any] = lru_cache(MAX_REMEMBERED, typed=True)(_read)


def option_schema(kind: type) -> dict[str, Any]:
    """Let msgspec describe the types of this module (its `schema_hook`)."""
    if hasattr(kind, "schema"):
        described: dict[str, Any] = kind.schema()
        return described
    raise NotImplementedError(kind)
