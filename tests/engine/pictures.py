"""Small pictures for tests, and the ways from words to pixels."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine import Job, Output, Source, parse_batch, render

Pixels = NDArray[np.uint8]
Words = dict[str, Any]

DATA = Path(__file__).parent.parent / "data"
VECTORS = DATA / "vectors"
PHOTOS = DATA / "photos"


def noise(width: int, height: int, bands: int = 3, seed: int = 0) -> Pixels:
    """Every value equally often, nothing smooth anywhere."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, bands))
    return values.astype(np.uint8)


def smooth(width: int, height: int, bands: int = 3) -> Pixels:
    """A gradient that tells left from right and top from bottom in each band."""
    down, across = np.mgrid[0:height, 0:width]
    planes = [across * 255 / max(1, width - 1), down * 255 / max(1, height - 1), across * 0 + 90]
    return np.stack([*planes, 255 - planes[0]][:bands], axis=-1).astype(np.uint8)


def encoded(pixels: Pixels, kind: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    """Write pixels with Pillow."""
    out = io.BytesIO()
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    (picture.convert(mode) if mode else picture).save(out, kind, **options)
    return out.getvalue()


def decoded(data: bytes) -> Pixels:
    """Read pixels with Pillow, always with a bands axis."""
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def jobs(*lists: list[Words], destination: str = "out.png", **options: Any) -> tuple[Job, ...]:
    """Parse one job for each list of transformations, as a client would send them."""
    described = [
        {"destination": f"{index}/{destination}", "transformations": words, **options}
        for index, words in enumerate(lists)
    ]
    body = {"source": "in.png", "jobs": described}
    return parse_batch(json.dumps(body).encode()).jobs


def job(*words: Words, **options: Any) -> Job:
    """Parse one job."""
    return jobs(list(words), **options)[0]


def make(source: bytes, *words: Words, **options: Any) -> Output:
    """Carry out one job; its error is raised."""
    ((_, result),) = render(Source.from_bytes(source), [job(*words, **options)])
    if isinstance(result, Exception):
        raise result
    return result
