"""ThumbHash, after its reference implementation: https://github.com/evanw/thumbhash."""

import math
from typing import NamedTuple

from engine.describe.pixels import Array, waves

NOTHING = 1e-9  # what is left of a wave that is not there


class _Channel(NamedTuple):
    """A channel's mean, its waves from 0 to 1, and their scale."""

    mean: float
    waves: list[float]
    scale: float


def thumbhash(rgba: Array) -> bytes:
    """Encode an image of at most 100 × 100 pixels in 21 to 25 bytes or so."""
    height, width = rgba.shape[:2]
    alpha = rgba[:, :, 3]
    translucent = bool(alpha.sum() < alpha.size - 1e-9)
    ground = (rgba[:, :, :3] * alpha[:, :, None]).sum((0, 1)) / (alpha.sum() or 1)
    seen = ground * (1 - alpha[:, :, None]) + rgba[:, :, :3] * alpha[:, :, None]
    red, green, blue = seen[:, :, 0], seen[:, :, 1], seen[:, :, 2]
    limit, longest = 5 if translucent else 7, max(width, height)
    across, down = (max(1, _rounded(limit * side / longest)) for side in (width, height))
    light = _channel((red + green + blue) / 3, max(3, across), max(3, down))
    yellow, warm = _channel((red + green) / 2 - blue, 3, 3), _channel(red - green, 3, 3)
    cover = _channel(alpha, 5, 5)
    wide = width > height
    head = _rounded(63 * light.mean) | _rounded(31.5 + 31.5 * yellow.mean) << 6
    head |= _rounded(31.5 + 31.5 * warm.mean) << 12 | _rounded(31 * light.scale) << 18
    head |= translucent << 23
    size = (down if wide else across) | _rounded(63 * yellow.scale) << 3
    size |= _rounded(63 * warm.scale) << 9 | wide << 15
    made = head.to_bytes(3, "little") + size.to_bytes(2, "little")
    if translucent:
        made += bytes([_rounded(15 * cover.mean) | _rounded(15 * cover.scale) << 4])
    channels = (light, yellow, warm, cover) if translucent else (light, yellow, warm)
    halves = [_rounded(15 * wave) for channel in channels for wave in channel.waves]
    halves += [0] * (len(halves) % 2)
    pairs = zip(halves[::2], halves[1::2], strict=True)
    return bytes([*made, *(low | high << 4 for low, high in pairs)])


def _channel(values: Array, across: int, down: int) -> _Channel:
    """Return the cosine transform of a channel, its lower left triangle."""
    height, width = values.shape
    found = waves(down, height, 0.5) @ values @ waves(across, width, 0.5).T / values.size
    places = [(y, x) for y in range(down) for x in range(across)]
    kept = [float(found[y, x]) for y, x in places if x * down < across * (down - y)]
    mean, *others = kept
    scale = max(map(abs, others), default=0.0)
    if scale < NOTHING:
        return _Channel(mean, [0.0] * len(others), 0.0)
    return _Channel(mean, [0.5 + 0.5 / scale * each for each in others], scale)


def _rounded(value: float) -> int:
    """Round halves up, as JavaScript does."""
    return math.floor(value + 0.5)
