"""The limit: decode once, as small as is admissible, and encode the outputs; nothing else.

libjpeg-turbo (simplejpeg) into buffers that are reused, so that not even memory is allocated.
JPEG is shrunk while decoded by 8, 4 or 2 if every output is made by shrinking further.
PNG and WebP, which simplejpeg does not know, are read and written by libvips' codecs, the
fastest at hand, with Darkroom's own effort (PNG level 2 with `sub`, WebP 2), and nothing
else of libvips. The outputs' pixels are those of the reference.
"""

import os
from functools import cache
from pathlib import Path

os.environ.setdefault("VIPS_CONCURRENCY", "1")

import numpy as np
import pyvips
import simplejpeg
from PIL import Image

from bench.contenders.geometry import Size, scaled, shrink
from bench.contenders.protocol import Batch, Job, Step, serve

GEOMETRIC = {"resize", "crop", "fitmethod"}


def perform(batch: Batch) -> None:
    """Decode, then encode what the reference made."""
    data = batch.source.read_bytes()
    if batch.source.suffix == ".jpg":
        decode_jpeg(data, [job.steps for job in batch.jobs])
    else:
        pyvips.Image.new_from_buffer(data, "", access="sequential").copy_memory()
    for job in batch.jobs:
        job.path.write_bytes(encode(job))


def decode_jpeg(data: bytes, lists: list[list[Step]]) -> None:
    """Decode into a reused buffer."""
    height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    factor = shrink([first_size(steps, (width, height)) for steps in lists], (width, height))
    small = -(-height // factor), -(-width // factor)
    simplejpeg.decode_jpeg(
        data, min_height=small[0], min_width=small[1], buffer=reused_buffer(small[0] * small[1] * 3)
    )


def first_size(steps: list[Step], size: Size) -> Size:
    """Tell what size the first step makes; what is not scaled needs all pixels."""
    return scaled(steps[0], size) or size


@cache
def reused_buffer(count: int) -> bytearray:
    """Return memory, the same each time."""
    return bytearray(count)


@cache
def pixels(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Return what an output shows; flattened onto white where its format has no alpha."""
    with Image.open(path) as image:
        if ".jpg" in path.suffixes and image.mode == "RGBA":
            white = Image.new("RGBA", image.size, "white")
            white.alpha_composite(image)
            return np.ascontiguousarray(white.convert("RGB"))
        return np.ascontiguousarray(image)


def encode(job: Job) -> bytes:
    """Write one output."""
    image = pixels(job.reference)
    if job.path.suffix == ".jpg":
        return bytes(simplejpeg.encode_jpeg(image, job.quality, colorsubsampling="420"))
    height, width, bands = image.shape
    bare = pyvips.Image.new_from_memory(image, width, height, bands, "uchar")
    bare = bare.copy(interpretation="srgb")
    if job.path.suffix == ".png":
        return bytes(bare.pngsave_buffer(compression=2, filter="sub"))
    return bytes(bare.webpsave_buffer(Q=job.quality, effort=2))


if __name__ == "__main__":
    pyvips.cache_set_max(0)
    serve(f"simplejpeg {simplejpeg.__version__}, pyvips {pyvips.__version__}", perform)
