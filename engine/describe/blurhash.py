"""BlurHash, after https://github.com/woltapp/blurhash/blob/master/Algorithm.md."""

import math

from engine.describe.pixels import Array, from_linear, to_linear, waves

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
MORE, FEWER = 4, 3  # components along the longer side and the shorter one


def blurhash(rgba: Array) -> str:
    """Encode an image, laid on white, in 28 characters: 4 × 3 components, 3 × 4 if it is high."""
    height, width = rgba.shape[:2]
    across, down = (MORE, FEWER) if width >= height else (FEWER, MORE)
    cover = rgba[:, :, 3:]
    light = to_linear(rgba[:, :, :3] * cover + (1 - cover))
    columns, rows = waves(across, width, 0), waves(down, height, 0)
    factors = [
        (1 if x == y == 0 else 2)
        * (light * (rows[y][:, None, None] * columns[x][None, :, None])).mean((0, 1))
        for y in range(down)
        for x in range(across)
    ]
    most = max(float(abs(each).max()) for each in factors[1:])
    level = max(0, min(82, math.floor(most * 166 - 0.5)))
    digits = _digits(across - 1 + (down - 1) * 9, 1) + _digits(level, 1)
    digits += _digits(_constant(factors[0]), 4)
    return digits + "".join(_digits(_wave(each, (level + 1) / 166), 2) for each in factors[1:])


def _constant(colour: Array) -> int:
    """Return the mean colour as 24 bits of sRGB."""
    values: list[float] = from_linear(colour).tolist()
    red, green, blue = (int(value * 255 + 0.5) for value in values)
    return red << 16 | green << 8 | blue


def _wave(colour: Array, most: float) -> int:
    """Return a component as three digits to the base of 19."""
    number: int = 0
    for value in (colour / most).tolist():
        root = math.copysign(abs(value) ** 0.5, value)
        number = number * 19 + max(0, min(18, int(root * 9 + 9.5)))
    return number


def _digits(number: int, count: int) -> str:
    return "".join(DIGITS[number // 83**at % 83] for at in range(count - 1, -1, -1))
