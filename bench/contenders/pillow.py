"""Pillow, and Pillow-SIMD where its environment runs this file."""

from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont
from PIL import __version__ as version

from bench.contenders.geometry import (
    FONT,
    Size,
    colour,
    contrast,
    covering,
    fitting,
    length,
    place,
    scaled,
    shrink,
)
from bench.contenders.protocol import Batch, Cannot, Job, Step, serve

LANCZOS, BICUBIC = Image.Resampling.LANCZOS, Image.Resampling.BICUBIC
Image.MAX_IMAGE_PIXELS = None  # the sources are our own
GAP = 2.0  # what Image.thumbnail() uses for both its draft and its reduction


def perform(batch: Batch) -> None:
    """Open once, with a draft as small as all jobs allow, then do each job."""
    with Image.open(batch.source) as source:
        wanted = [scaled(job.steps[0], source.size) or source.size for job in batch.jobs]
        factor = shrink([(int(w * GAP), int(h * GAP)) for w, h in wanted], source.size)
        full = source.size
        source.draft("RGB", (full[0] // factor, full[1] // factor))
        source.load()
        for job in batch.jobs:
            image: Image.Image = source
            for step in job.steps:
                image = apply(image, step, batch, full if image is source else image.size)
            save(image, job)


def save(image: Image.Image, job: Job) -> None:
    """Write by the file's ending."""
    if job.path.suffix == ".jpg":
        image.convert("RGB").save(job.path, quality=job.quality)
    elif job.path.suffix == ".webp":
        image.save(job.path, quality=job.quality)
    else:
        image.save(job.path)


def apply(image: Image.Image, step: Step, batch: Batch, size: Size) -> Image.Image:
    """Do one step; `size` is the image's without the draft."""
    match step:
        case {"type": "resize"}:
            return image.resize(scaled(step, size) or size, LANCZOS, reducing_gap=GAP)
        case {"type": "crop", "width": width, "height": height} | {
            "type": "fitmethod",
            "fit_type": "cropbox",
            "width": width,
            "height": height,
        }:
            large = image.resize(covering(size, (width, height)), LANCZOS, reducing_gap=GAP)
            left, top = (large.width - width) // 2, (large.height - height) // 2
            return large.crop((left, top, left + width, top + height))
        case {"type": "fitmethod", "fit_type": "letterbox", "width": width, "height": height}:
            small = image.resize(fitting(size, (width, height)), LANCZOS, reducing_gap=GAP)
            canvas = Image.new("RGB", (width, height), step["color"])
            canvas.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
            return canvas
        case {"type": "brightness", "bright_level": level}:
            return image.point(table(1, level) * 3)
        case {"type": "contrast", "level": level}:
            return image.point(table(*contrast(level)) * 3)
        case {"type": "colorize", "red": red, "green": green, "blue": blue}:
            return image.point(table(1, red) + table(1, green) + table(1, blue))
        case {"type": "filter", "filter": "negate"}:
            return image.point(table(-1, 255) * 3)
        case {"type": "filter", "filter": "grayscale"}:
            return image.convert("L").convert("RGB")
        case {"type": "filter", "filter": "sepia"}:
            grey = image.convert("L")
            return Image.merge("RGB", [grey.point(table(1, tone)) for tone in (90, 60, 40)])
        case {"type": "blur", "sigma": sigma}:
            return image.filter(ImageFilter.GaussianBlur(sigma))
        case {"type": "rotate", "degrees": degrees}:
            return image.rotate(-degrees, BICUBIC, expand=True, fillcolor="white")
        case {"type": "watermark", "source": name, "width": width}:
            return watermarked(image, batch.beside(name), length(width, image.width), step)
        case {"type": "annotation", "text": text, "size": points}:
            ImageDraw.Draw(image).text(
                (image.width / 2, image.height / 2),
                text,
                colour(step["color"]),
                font(points),
                anchor="mm",
            )
            return image
    raise Cannot(str(step))


def table(factor: float, summand: float) -> list[int]:
    """Write out a straight line, limited to bytes."""
    return [min(255, max(0, int(value * factor + summand))) for value in range(256)]


def watermarked(image: Image.Image, path: Path, width: int, step: Step) -> Image.Image:
    """Paste an image through its own alpha."""
    with Image.open(path) as mark:
        small = mark.resize((width, round(mark.height * width / mark.width)), LANCZOS)
    image = image.copy()
    image.paste(small, place(step, small.size, image.size), small)
    return image


@cache
def font(points: float) -> ImageFont.FreeTypeFont:
    """Load the font once."""
    return ImageFont.truetype(FONT, points)


if __name__ == "__main__":
    serve(f"{'Pillow-SIMD' if 'post' in version else 'Pillow'} {version}", perform)
