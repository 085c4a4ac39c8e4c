"""Independent models of the newer transformations: numpy on whole arrays, from the formulas."""

import io
from collections.abc import Callable
from math import ceil, cos, radians, sin
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from tests.engine.images import Pixels, encoded, noise, smooth

Floats = NDArray[np.float64]


def textured(width: int, height: int, bands: int) -> Pixels:
    """A gradient with grain, so that there is something to sharpen, to find and to stretch."""
    grain = noise(width, height, bands, seed=bands)
    return (smooth(width, height, bands) * 0.7 + grain * 0.25).astype(np.uint8)


def sources() -> dict[str, tuple[bytes, Pixels]]:
    """RGB, RGBA, grey and 16 bits, each with the pixels that Darkroom works on."""
    rgb, rgba, grey = (textured(41, 30, bands) for bands in (3, 4, 1))
    deep = pyvips.Image.new_from_array(rgb.astype(np.uint16) * 256 + 77)
    deep = deep.cast("ushort").copy(interpretation="rgb16")
    return {
        "RGB": (encoded(rgb), rgb),
        "RGBA": (encoded(rgba), rgba),
        "grey": (encoded(grey), np.repeat(grey, 3, 2)),
        "16 bit": (bytes(deep.pngsave_buffer()), rgb),
    }


def rounded(values: Floats) -> Pixels:
    return np.floor(np.clip(values, 0, 255) + 0.5).astype(np.uint8)


def on_colours(pixels: Pixels, change: Any) -> Pixels:
    """Change colours and leave alpha."""
    made = pixels.copy()
    made[..., :3] = change(pixels[..., :3].astype(float))
    return made


def premultiplied(pixels: Pixels) -> Pixels:
    if pixels.shape[2] == 3:
        return pixels
    return np.dstack([rounded(pixels[..., :3] * (pixels[..., 3:] / 255)), pixels[..., 3]])


def unpremultiplied(pixels: Pixels) -> Pixels:
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(float)
    straight = np.divide(
        pixels[..., :3] * 255.0, alpha, where=alpha > 0, out=0 * alpha.repeat(3, 2)
    )
    return np.dstack([rounded(straight), pixels[..., 3]])


def gamma(pixels: Pixels, level: float) -> Pixels:
    return on_colours(pixels, lambda v: rounded(255 * (v / 255) ** (1 / level)))


def modulate(
    pixels: Pixels, brightness: float = 100, saturation: float = 100, hue: float = 0
) -> Pixels:
    """The matrices as Filter Effects prints them."""
    s, c, z = saturation / 100, cos(radians(hue)), sin(radians(hue))
    saturate = np.array([
        [0.213 + 0.787 * s, 0.715 - 0.715 * s, 0.072 - 0.072 * s],
        [0.213 - 0.213 * s, 0.715 + 0.285 * s, 0.072 - 0.072 * s],
        [0.213 - 0.213 * s, 0.715 - 0.715 * s, 0.072 + 0.928 * s],
    ])  # fmt: skip
    rotate = np.array([
        [0.213 + c * 0.787 - z * 0.213, 0.715 - c * 0.715 - z * 0.715, 0.072 - c * 0.072 + z * 0.928],  # noqa: E501
        [0.213 - c * 0.213 + z * 0.143, 0.715 + c * 0.285 + z * 0.140, 0.072 - c * 0.072 - z * 0.283],  # noqa: E501
        [0.213 - c * 0.213 - z * 0.787, 0.715 - c * 0.715 + z * 0.715, 0.072 + c * 0.928 + z * 0.072],  # noqa: E501
    ])  # fmt: skip
    return on_colours(pixels, lambda v: rounded(v * brightness / 100 @ saturate.T @ rotate.T))


def sharpen(pixels: Pixels, sigma: float = 0.5, amount: float = 1, threshold: float = 0) -> Pixels:
    values = premultiplied(pixels).astype(float)
    difference = values - blurred(values, sigma)
    kept = np.where(np.abs(difference) >= threshold, difference, 0)
    return unpremultiplied(rounded(values + amount * kept))


def blurred(values: Floats, sigma: float) -> Floats:
    """The documented kernel, on rows and on columns, edges replicated."""
    radius = max(1, ceil(3.5 * sigma))
    taps = np.arange(-radius, radius + 1)
    kernel = sum(np.exp(-((taps + shift) ** 2) / (2 * sigma**2)) for shift in (-1 / 3, 0, 1 / 3))
    kernel = kernel / np.sum(kernel)
    for axis in (0, 1):
        around = [(radius, radius) if each == axis else (0, 0) for each in range(3)]
        padded = np.pad(values, around, mode="edge")
        values = sum(
            weight * np.take(padded, np.arange(values.shape[axis]) + at, axis)
            for at, weight in enumerate(kernel)
        )
    return values


def normalize(pixels: Pixels) -> Pixels:
    made = pixels.copy()
    for band in range(3):
        values = pixels[..., band].astype(float)
        low, high = np.percentile(values, [1, 99], method="inverted_cdf")
        if high > low:
            made[..., band] = rounded((values - low) * 255 / (high - low))
    return made


def pixelate(pixels: Pixels, size: int) -> Pixels:
    values = premultiplied(pixels).astype(float)
    for top in range(0, len(values), size):
        for left in range(0, values.shape[1], size):
            block = values[top : top + size, left : left + size]
            block[:] = rounded(block.mean((0, 1)))
    return unpremultiplied(values.astype(np.uint8))


def round_corners(pixels: Pixels, radius: float, samples: int = 8) -> Pixels:
    """Count which of 8 × 8 points of each pixel lie inside."""
    high, wide = pixels.shape[:2]
    down, across = ((np.arange(side * samples) + 0.5) / samples for side in (high, wide))
    beyond_x = np.maximum(0, np.maximum(radius - across, across - (wide - radius)))
    beyond_y = np.maximum(0, np.maximum(radius - down, down - (high - radius)))
    inside = beyond_x[None] ** 2 + beyond_y[:, None] ** 2 <= radius**2
    cover = inside.reshape(high, samples, wide, samples).mean((1, 3))
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else np.full((high, wide), 255)
    return np.dstack([pixels[..., :3], rounded(alpha * cover)])


def laid_on(pixels: Pixels, fill: tuple[int, int, int, int]) -> Pixels:
    """Source over, by Pillow; RGB where the fill is opaque."""
    if pixels.shape[2] == 3:
        return pixels if fill[3] == 255 else np.dstack([pixels, np.full(pixels.shape[:2], 255)])
    ground = Image.new("RGBA", (pixels.shape[1], pixels.shape[0]), fill)
    made = np.asarray(Image.alpha_composite(ground, Image.fromarray(pixels)))
    return made[..., :3] if fill[3] == 255 else made


def _hard_light(under: Floats, over: Floats) -> Floats:
    screened = under + (2 * over - 1) - under * (2 * over - 1)
    return np.where(over <= 0.5, under * 2 * over, screened)


def _soft_light(under: Floats, over: Floats) -> Floats:
    light = np.where(under <= 0.25, ((16 * under - 12) * under + 4) * under, np.sqrt(under))
    darker = under - (1 - 2 * over) * under * (1 - under)
    return np.where(over <= 0.5, darker, under + (2 * over - 1) * (light - under))


BLENDS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "over": lambda under, over: over,
    "multiply": lambda under, over: under * over,
    "screen": lambda under, over: 1 - (1 - under) * (1 - over),
    "overlay": lambda under, over: _hard_light(over, under),
    "darken": np.minimum,
    "lighten": np.maximum,
    "soft-light": _soft_light,
    "hard-light": _hard_light,
    "difference": lambda under, over: np.abs(under - over),
}


def blended(base: Pixels, layer: Pixels, blend: str = "over", opacity: float = 1) -> Floats:
    """Compositing and Blending Level 1: RGBA of a layer over an image of its size, unrounded."""
    under, over = base[..., :3] / 255, layer[..., :3] / 255
    ground = base[..., 3:] / 255 if base.shape[2] == 4 else np.ones_like(base[..., :1], float)
    opaque = np.full_like(layer[..., :1], 255)
    own = (layer[..., 3:] if layer.shape[2] == 4 else opaque).astype(float)
    cover = rounded(own * opacity) / 255
    mixed = (1 - ground) * over + ground * BLENDS[blend](under, over)
    alpha = cover + ground * (1 - cover)
    colour = cover * mixed + (1 - cover) * ground * under
    straight = np.divide(colour, alpha, where=alpha > 0, out=0 * colour)
    return np.dstack([straight, alpha]) * 255


def off_by(made: Pixels, expected: Floats) -> float:
    """How far pixels are from RGBA, colours by how much they are seen; RGB has to be opaque."""
    opaque = np.dstack([made, np.full(made.shape[:2], 255)]) if made.shape[2] == 3 else made
    difference = np.abs(opaque.astype(float) - expected)
    difference[..., :3] *= expected[..., 3:] / 255
    return float(difference.max())


def tiled(layer: Pixels, size: tuple[int, int], at: tuple[int, int], gap: int) -> Pixels:
    """Repeat a layer from a place in all directions, over an image of a size: RGBA."""
    made = np.zeros((size[1], size[0], 4), np.uint8)
    high, wide = layer.shape[:2]
    for y in range(size[1]):
        for x in range(size[0]):
            row, column = (y - at[1]) % (high + gap), (x - at[0]) % (wide + gap)
            if row < high and column < wide:
                made[y, x] = (*layer[row, column], 255)[:4]
    return made


def on_canvas(
    pixels: Pixels, size: tuple[int, int], at: tuple[int, int], fill: tuple[int, int, int, int]
) -> Pixels:
    """Lay an image on a canvas of a size, its corner at a place."""
    image = laid_on(pixels, fill).astype(np.uint8)
    canvas = np.empty((size[1], size[0], image.shape[2]), np.uint8)
    canvas[:] = fill[: image.shape[2]]
    canvas[at[1] : at[1] + len(image), at[0] : at[0] + image.shape[1]] = image
    return canvas


def trimmed(pixels: Pixels, threshold: float = 10, colour: Any = None) -> Pixels:
    ground = pixels[0, 0] if colour is None else np.array(colour)[: pixels.shape[2]]
    differs = (np.abs(pixels.astype(int) - ground) > threshold).any(2)
    if not differs.any():
        return pixels
    rows, columns = (np.nonzero(differs.any(axis))[0] for axis in (1, 0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))
