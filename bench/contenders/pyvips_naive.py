"""pyvips as a first version is written: open, call after call, save; job by job."""

import os
from typing import TypeAlias

os.environ.setdefault("VIPS_CONCURRENCY", "1")

import pyvips

from bench.contenders.geometry import FONT, colour, contrast, covering, fitting, length, place
from bench.contenders.protocol import Batch, Cannot, Job, Step, serve

pyvips.cache_set_max(0)  # each round must do its work anew
Image: TypeAlias = pyvips.Image
LUMA = [[0.299, 0.587, 0.114]] * 3


def perform(batch: Batch) -> None:
    """Do each job from the file."""
    for job in batch.jobs:
        image = Image.new_from_file(str(batch.source))
        for step in job.steps:
            image = apply(image, step, batch)
        save(image, job)


def save(image: Image, job: Job) -> None:
    """Write by the file's ending."""
    if job.path.suffix == ".jpg" and image.hasalpha():
        image = image.flatten(background=255)
    options = {} if job.path.suffix == ".png" else {"Q": job.quality}
    image.write_to_file(str(job.path), **options)


def apply(image: Image, step: Step, batch: Batch) -> Image:
    """Do one step."""
    match step:
        case {"type": "resize", "width": width}:
            return image.resize(width / image.width)
        case {"type": "crop", "width": width, "height": height} | {
            "type": "fitmethod",
            "fit_type": "cropbox",
            "width": width,
            "height": height,
        }:
            return cropped(image, width, height)
        case {"type": "fitmethod", "fit_type": "letterbox", "width": width, "height": height}:
            size = fitting((image.width, image.height), (width, height))
            image = image.resize(size[0] / image.width, vscale=size[1] / image.height)
            return image.gravity("centre", width, height, background=colour(step["color"]))
        case {"type": "brightness", "bright_level": level}:
            return (image + level).cast("uchar")
        case {"type": "contrast", "level": level}:
            factor, summand = contrast(level)
            return (image * factor + summand).cast("uchar")
        case {"type": "colorize", "red": red, "green": green, "blue": blue}:
            return image.linear(1, [red, green, blue]).cast("uchar")
        case {"type": "filter", "filter": "negate"}:
            return image.invert()
        case {"type": "filter", "filter": "grayscale"}:
            return image.recomb(LUMA).cast("uchar")
        case {"type": "filter", "filter": "sepia"}:
            return image.recomb(LUMA).linear(1, [90, 60, 40]).cast("uchar")
        case {"type": "blur", "sigma": sigma}:
            return image.gaussblur(sigma)
        case {"type": "rotate", "degrees": degrees}:
            return image.rotate(
                degrees, background=255, interpolate=pyvips.Interpolate.new("bicubic")
            )
        case {"type": "watermark", "source": name, "width": width}:
            mark = Image.new_from_file(str(batch.beside(name)))
            mark = mark.resize(length(width, image.width) / mark.width)
            return laid(image, mark, step)
        case {"type": "annotation", "text": text, "size": size}:
            ink = Image.text(text, font=f"Liberation Sans {size}", fontfile=FONT, dpi=72)
            letters = ink.new_from_image(colour(step["color"])).copy(interpretation="srgb")
            return laid(image, letters.bandjoin(ink), step)
    raise Cannot(str(step))


def cropped(image: Image, width: int, height: int) -> Image:
    """Scale until the window is covered, then cut its middle."""
    size = covering((image.width, image.height), (width, height))
    image = image.resize(size[0] / image.width, vscale=size[1] / image.height)
    return image.crop((size[0] - width) // 2, (size[1] - height) // 2, width, height)


def laid(image: Image, layer: Image, step: Step) -> Image:
    """Lay an image with alpha over another; the result is opaque as before."""
    left, top = place(step, (layer.width, layer.height), (image.width, image.height))
    composed = image.composite2(layer, "over", x=left, y=top).cast("uchar")
    return composed.extract_band(0, n=3)


if __name__ == "__main__":
    libvips = ".".join(str(pyvips.version(part)) for part in range(3))
    serve(f"pyvips {pyvips.__version__}, libvips {libvips}", perform)
