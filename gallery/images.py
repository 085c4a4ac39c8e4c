"""The images that the examples work on: four small photos, and others made from them."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine import Job, Output, Source, parse_batch, render

PHOTOS = Path(__file__).parent.parent / "tests" / "data" / "photos"
WIDE = 300
NEAR: dict[str, object] = {
    "type": "crop",
    "width": 120,
    "height": 80,
    "fit": False,
    "xoffset": 20,
    "yoffset": -25,
}
BARS: dict[str, object] = {
    "type": "fitmethod",
    "fit_type": "letterbox",
    "width": WIDE,
    "height": 260,
}
BORDER: dict[str, object] = {
    "type": "pad",
    "top": 30,
    "left": 50,
    "bottom": 20,
    "right": 10,
    "color": "#eee",
}
BADGE: dict[str, object] = {"type": "round", "radius": "50%"}


class Broken(Exception):
    """An example that fails; the message is the engine's."""


def execute(source: bytes, job: Job, inputs: Mapping[str, bytes]) -> Output:
    """Execute one job; raises Broken with the engine's message."""
    others = {key: Source.from_bytes(data) for key, data in inputs.items()}
    ((_, result),) = render(Source.from_bytes(source), [job], inputs=others)
    if not isinstance(result, Output):
        raise Broken(f"{job.destination}: {result}")
    return result


def read_job(raw: dict[str, object]) -> Job:
    """Read a job as the API does; InvalidRequest if it is none."""
    return parse_batch(json.dumps({"source": "source", "jobs": [raw]}).encode()).jobs[0]


def images() -> dict[str, bytes]:
    """Make the images, by name, as PNG files."""
    photos = {
        "cat": _resized("chelsea.png", WIDE),
        "coffee": _resized("coffee.png", WIDE),
        "rocket": _resized("rocket.jpg", WIDE),
        "astronaut": _resized("astronaut.png", 220),
    }
    return photos | {
        "grainy": _grainy(_made(photos["cat"], NEAR)),
        "barred": _made(photos["rocket"], BARS),
        "bordered": _made(photos["coffee"], BORDER),
        "badge": _made(photos["cat"], BADGE),
    }


def marks() -> dict[str, bytes]:
    """Make the watermarks, by name."""
    return {"mark.png": _ring(), "spectrum.png": _spectrum()}


def _ring() -> bytes:
    """A white ring around a ball, a little transparent."""
    side = 96
    down, across = np.mgrid[0:side, 0:side] - (side - 1) / 2
    radius = np.hypot(down, across)
    cover = np.clip(radius - 32, 0, 1) * np.clip(46 - radius, 0, 1) + np.clip(18 - radius, 0, 1)
    white = np.full((side, side, 3), 255.0)
    return _png(np.dstack([white, cover * 210]).astype(np.uint8))


def _spectrum() -> bytes:
    """All hues from left to right, from black above to white below."""
    down, across = np.mgrid[0:1:48j, 0:1:64j]
    hues = np.clip(np.abs((across[..., None] * 6 - [0, 2, 4]) % 6 - 3) - 1, 0, 1)
    light = down[..., None]
    colours = np.where(light < 0.5, hues * 2 * light, 1 - (1 - hues) * 2 * (1 - light))
    return _png((colours * 255).astype(np.uint8))


def _resized(photo: str, width: int) -> bytes:
    return _made((PHOTOS / photo).read_bytes(), {"type": "resize", "width": width})


def _made(source: bytes, transformation: dict[str, object]) -> bytes:
    job = read_job({"destination": "image.png", "transformations": [transformation]})
    return execute(source, job, {}).data


def _grainy(image: bytes) -> bytes:
    pixels = np.asarray(Image.open(io.BytesIO(image))).astype(float)
    grains = np.random.default_rng(3).normal(0, 11, pixels.shape)
    return _png(np.clip(pixels + grains, 0, 255).astype(np.uint8))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
