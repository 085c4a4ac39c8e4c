"""ICC profiles: read, and written for colours that a file describes in numbers.

A written profile is a matrix and curves, or one curve for grey. Light beyond white, as HDR has
it, is brought below by Reinhard's curve: so do browsers for screens without HDR.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import exp
from operator import mul, truediv
from struct import error as unpackable
from struct import pack, unpack_from
from typing import NamedTuple

Vector = Sequence[float]
Matrix = Sequence[Vector]  # three rows of three

D50: Vector = (0.9642, 1.0, 0.8249)
_D65, _C, _DCI = (0.3127, 0.329), (0.31, 0.316), (0.314, 0.351)
_BRADFORD: Matrix = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
_WHITE, _PEAK = 203.0, 1000.0  # candelas of diffuse white, BT.2408; and of the brightest light
_ENTRIES = 1024  # of a curve that has no formula in ICC
_LONGEST_TAG = 160_000  # bytes; a curve has no more
_STRAIGHT = 1.1  # a gamma up to which a curve counts as linear light


class Chromaticities(NamedTuple):
    """Where white and the primaries lie: x and y of each."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


# H.273, table 2; what is not specified counts as sRGB's.
PRIMARIES: dict[int, Chromaticities] = {
    1: Chromaticities(_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    4: Chromaticities(_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Chromaticities(_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Chromaticities(_D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    8: Chromaticities(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: Chromaticities(_D65, (0.708, 0.292), (0.17, 0.797), (0.131, 0.046)),
    11: Chromaticities(_DCI, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    12: Chromaticities(_D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    22: Chromaticities(_D65, (0.63, 0.34), (0.295, 0.605), (0.155, 0.077)),
}
PRIMARIES |= {2: PRIMARIES[1], 7: PRIMARIES[6]}
SRGB = PRIMARIES[1]


def _fixed(value: float) -> int:
    return round(65536 * value)


def _gamma(power: float) -> bytes:
    return b"para\0\0\0\0" + pack(">HHi", 0, 0, _fixed(power))


def _sampled(light: Callable[[float], float]) -> bytes:
    """Write a curve of HDR; `light` gives candelas, which Reinhard's curve brings below white."""
    most = (_PEAK / _WHITE) ** 2
    values = (light(entry / (_ENTRIES - 1)) / _WHITE for entry in range(_ENTRIES))
    below = (value * (1 + value / most) / (1 + value) for value in values)
    words = (round(65535 * min(1.0, value)) for value in below)
    return b"curv\0\0\0\0" + pack(f">I{_ENTRIES}H", _ENTRIES, *words)


def _pq(value: float) -> float:
    """Undo SMPTE ST 2084."""
    root = value ** (1 / 78.84375)
    light = max(0.0, root - 0.8359375) / (18.8515625 - 18.6875 * root)
    return float(10_000 * light ** (1 / 0.1593017578125))


def _hlg(value: float) -> float:
    """Undo BT.2100's HLG for a screen of 1000 candelas, whose system gamma is 1.2."""
    dark = value <= 0.5
    scene = value**2 / 3 if dark else (exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return float(_PEAK * scene**1.2)


_SRGB_PARAMETERS = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_SRGB_CURVE = b"para\0\0\0\0" + pack(">HH5i", 3, 0, *map(_fixed, _SRGB_PARAMETERS))
# H.273, table 3. Those of television are shown as sRGB is, as browsers do.
_CURVES: dict[int, Callable[[], bytes]] = {
    **dict.fromkeys((1, 2, 6, 7, 11, 12, 13, 14, 15), lambda: _SRGB_CURVE),
    4: lambda: _gamma(2.2),
    5: lambda: _gamma(2.8),
    8: lambda: _gamma(1.0),
    16: lambda: _sampled(_pq),
    17: lambda: _gamma(2.6),
    18: lambda: _sampled(_hlg),
}


@lru_cache(maxsize=32)
def of_code_points(primaries: int, transfer: int, grey: bool) -> bytes | None:
    """Write the profile of H.273's code points; none for sRGB, KeyError for what is not known."""
    colours, curve = PRIMARIES[primaries], _CURVES[transfer]()
    if (colours == SRGB or grey) and curve == _SRGB_CURVE:
        return None
    return _profile(colours, curve, grey)


@lru_cache(maxsize=32)
def of_gamma(colours: Chromaticities, power: float, grey: bool) -> bytes | None:
    """Write the profile of a gamma and of primaries; none if they are sRGB's or make no sense."""
    near = all(
        abs(one - other) < 0.002
        for found, known in zip(colours, SRGB, strict=True)
        for one, other in zip(found, known, strict=True)
    )
    if near and abs(power - 2.2) < 0.01:
        return None
    try:
        return _profile(colours, _gamma(power), grey)
    except (ZeroDivisionError, OverflowError, unpackable):
        return None


def is_linear(profile: bytes) -> bool:
    """Return whether a profile's curves are those of light itself, so that 8 bits are too few."""
    tags = dict(_tags(profile))
    curve = tags.get(b"rTRC") or tags.get(b"kTRC") or b""
    try:
        if curve[:4] == b"para":
            return bool(unpack_from(">i", curve, 12)[0] < 65536 * _STRAIGHT)
        (count,) = unpack_from(">I", curve, 8)
        if count == 1:
            return bool(unpack_from(">H", curve, 12)[0] < 256 * _STRAIGHT)
        return bool(count == 0 or unpack_from(">H", curve, 12 + count // 2 * 2)[0] > 0x7000)
    except unpackable:
        return False


def _tags(profile: bytes) -> Iterable[tuple[bytes, bytes]]:
    try:
        (count,) = unpack_from(">I", profile, 128)
        for entry in range(min(count, 100)):
            name, at, size = unpack_from(">4sII", profile, 132 + 12 * entry)
            yield name, profile[at : at + min(size, _LONGEST_TAG)]
    except unpackable:
        return


def _profile(colours: Chromaticities, curve: bytes, grey: bool) -> bytes:
    tags = {b"wtpt": _xyz(D50)}
    if grey:
        tags[b"kTRC"] = curve
    else:
        for primary, column in zip("rgb", _transposed(_to_d50(colours)), strict=True):
            tags[f"{primary}XYZ".encode()] = _xyz(column)
            tags[f"{primary}TRC".encode()] = curve
    at = 128 + 4 + 12 * len(tags)
    table, bodies = pack(">I", len(tags)), b""
    for name, body in tags.items():
        table += name + pack(">II", at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    space = b"GRAY" if grey else b"RGB "
    head = pack(">I4sI4s4s4s", at + len(bodies), b"", 0x04200000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + pack(">3i", *map(_fixed, D50))
    return head.ljust(128, b"\0") + table + bodies


def _to_d50(colours: Chromaticities) -> Matrix:
    """Return the matrix from linear colours to XYZ as ICC sees it, adapted to D50."""
    primaries = _transposed([_from_xy(*place) for place in colours[1:]])
    white = _from_xy(*colours.white)
    amounts = _diagonal(_times(_inverse(primaries), white))
    gains = map(truediv, _times(_BRADFORD, D50), _times(_BRADFORD, white))
    adapted = _product(_inverse(_BRADFORD), _product(_diagonal(list(gains)), _BRADFORD))
    return _product(adapted, _product(primaries, amounts))


def _from_xy(x: float, y: float) -> Vector:
    return x / y, 1.0, (1 - x - y) / y


def _diagonal(values: Vector) -> Matrix:
    return [[value if row == at else 0.0 for at in range(3)] for row, value in enumerate(values)]


def _transposed(matrix: Matrix) -> Matrix:
    return list(zip(*matrix, strict=True))


def _times(matrix: Matrix, vector: Vector) -> Vector:
    return [sum(map(mul, row, vector)) for row in matrix]


def _product(one: Matrix, other: Matrix) -> Matrix:
    return _transposed([_times(one, column) for column in _transposed(other)])


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    whole = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    rows = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return [[value / whole for value in row] for row in rows]


def _xyz(values: Vector) -> bytes:
    return b"XYZ \0\0\0\0" + pack(">3i", *map(_fixed, values))
