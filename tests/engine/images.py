"""Small images for tests, and helpers that render jobs to pixels."""

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from PIL import Image

from engine import Job, Output, Source, parse_batch, render
from engine.ir import Plan
from engine.lower import LoweringContext, lower
from engine.raster import Raster, step_of
from engine.vips import as_image

Pixels = NDArray[np.uint8]
Json = dict[str, Any]

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
    """Write pixels with Pillow, PNG as fast as it can."""
    out = io.BytesIO()
    if kind == "PNG":
        options = {"compress_level": 1, **options}
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    (image.convert(mode) if mode else image).save(out, kind, **options)
    return out.getvalue()


def decoded(data: bytes) -> Pixels:
    """Read pixels with Pillow, as RGB, with alpha if there is any."""
    image: Image.Image = Image.open(io.BytesIO(data))
    if image.mode in {"1", "L", "LA", "P"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    pixels: Pixels = np.asarray(image)
    return pixels


def jobs(*lists: list[Json], destination: str = "out.png", **options: Any) -> tuple[Job, ...]:
    """Parse one job for each list of transformations, as a client would send them."""
    described = [
        {"destination": f"{index}/{destination}", "transformations": step, **options}
        for index, step in enumerate(lists)
    ]
    body = {"source": "in.png", "jobs": described}
    return parse_batch(json.dumps(body).encode()).jobs


def job(*steps: Json, **options: Any) -> Job:
    """Parse one job."""
    return jobs(list(steps), **options)[0]


def make(
    source: bytes, *steps: Json, inputs: dict[str, bytes] | None = None, **options: Any
) -> Output:
    """Render one job; its error is raised."""
    others = {key: Source.from_bytes(data) for key, data in (inputs or {}).items()}
    ((_, result),) = render(Source.from_bytes(source), [job(*steps, **options)], inputs=others)
    if isinstance(result, Exception):
        raise result
    return result


def pixels_of(
    source: bytes, *steps: Json, inputs: dict[str, bytes] | None = None, **options: Any
) -> Pixels:
    """Render one job and read its PNG."""
    return decoded(make(source, *steps, inputs=inputs, **options).data)


def executed(plan: Plan, source: Source, **inputs: Source) -> Pixels:
    """Execute a plan as it is, with libvips alone, up to its encoder, which costs the most."""
    context = LoweringContext(source, inputs)
    (frame,) = lower(replace(plan, exact=True), context.of(exact=True))
    pixels: Pixels = as_image(frame).numpy()
    return pixels


def raster_of(pixels: Pixels) -> Raster:
    """Return pixels to the idiom that works in memory."""
    height, width, bands = pixels.shape
    spread = np.zeros((height, width, step_of(bands)), np.uint8)
    spread[:, :, :bands] = pixels
    return Raster(width, height, bands, memoryview(spread.tobytes()))


def pixels_in(raster: Raster) -> Pixels:
    """Read a raster."""
    return raster.array


def distance(one: Pixels, other: Pixels) -> tuple[float, float]:
    """Return the greatest difference and the PSNR in dB, on premultiplied colours."""
    assert one.shape == other.shape
    difference = np.abs(premultiplied(one) - premultiplied(other))
    mean_square = float((difference**2).mean())
    return float(difference.max()), 10 * math.log10(
        255**2 / mean_square
    ) if mean_square else math.inf


def premultiplied(pixels: Pixels) -> NDArray[np.float64]:
    """Multiply colours by alpha, in floats."""
    values = pixels.astype(float)
    if pixels.shape[2] == 4:
        values[..., :3] *= values[..., 3:] / 255
    return values


def where(made: Pixels, base: Pixels) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that changed."""
    down, across = np.nonzero((made.astype(int) != base).any(2))
    return int(across.min()), int(down.min()), int(across.max()) + 1, int(down.max()) + 1
