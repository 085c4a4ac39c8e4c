"""OpenCV: decoded small where it can, areas for shrinking, tables for points."""

from typing import Any

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
from bench.contenders.protocol import Batch, Cannot, Job, Step, absent, serve

try:
    import cv2
    import numpy as np
except ImportError:
    absent("make bench-rivals")

REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
Pixels = Any  # OpenCV's own hints do not agree with themselves about arrays


def perform(batch: Batch) -> None:
    """Read once, as small as all jobs allow, then do each job."""
    if batch.source.suffix == ".png":
        source = cv2.imread(str(batch.source), cv2.IMREAD_UNCHANGED)
        full = source.shape[1], source.shape[0]
    else:
        source, full = read_jpeg(batch)
    for job in batch.jobs:
        image = source
        for step in job.steps:
            size = full if image is source else (image.shape[1], image.shape[0])
            image = apply(image, step, batch, size)
        save(image, job)


def read_jpeg(batch: Batch) -> tuple[Pixels, Size]:
    """Read a JPEG, whose size its user knows, as small as all jobs allow."""
    full = jpeg_size(batch.source.read_bytes())
    factor = shrink([scaled(job.steps[0], full) or full for job in batch.jobs], full)
    return cv2.imread(str(batch.source), REDUCED[factor]), full


def jpeg_size(data: bytes) -> Size:
    """Read the frame header."""
    place = 2
    while data[place + 1] not in (0xC0, 0xC1, 0xC2):
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return int.from_bytes(data[place + 7 : place + 9], "big"), int.from_bytes(
        data[place + 5 : place + 7], "big"
    )


def save(image: Pixels, job: Job) -> None:
    """Write by the file's ending."""
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, job.quality],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, job.quality],
        ".png": [],
    }
    cv2.imwrite(str(job.path), image, options[job.path.suffix])


def apply(image: Pixels, step: Step, batch: Batch, size: Size) -> Pixels:
    """Do one step; `size` is the image's before it was read smaller."""
    match step:
        case {"type": "resize"}:
            return resized(image, scaled(step, size) or size)
        case {"type": "crop", "width": width, "height": height} | {
            "type": "fitmethod",
            "fit_type": "cropbox",
            "width": width,
            "height": height,
        }:
            large = resized(image, covering(size, (width, height)))
            top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
            return large[top : top + height, left : left + width]
        case {"type": "fitmethod", "fit_type": "letterbox", "width": width, "height": height}:
            small = resized(image, fitting(size, (width, height)))
            top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
            bottom, right = height - small.shape[0] - top, width - small.shape[1] - left
            value = colour(step["color"])[::-1]
            return cv2.copyMakeBorder(
                small, top, bottom, left, right, cv2.BORDER_CONSTANT, value=value
            )
        case {"type": "brightness", "bright_level": level}:
            return cv2.LUT(image, table(1, level))
        case {"type": "contrast", "level": level}:
            return cv2.LUT(image, table(*contrast(level)))
        case {"type": "colorize", "red": red, "green": green, "blue": blue}:
            return cv2.add(image, (blue, green, red, 0))
        case {"type": "filter", "filter": "negate"}:
            return cv2.bitwise_not(image)
        case {"type": "filter", "filter": "grayscale"}:
            return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        case {"type": "filter", "filter": "sepia"}:
            grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
            return cv2.merge([cv2.add(grey, tone) for tone in (40, 60, 90)])
        case {"type": "blur", "sigma": sigma}:
            return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        case {"type": "rotate", "degrees": degrees}:
            return rotated(image, degrees)
        case {"type": "watermark", "source": name, "width": width}:
            mark = cv2.imread(str(batch.beside(name)), cv2.IMREAD_UNCHANGED)
            wide = length(width, image.shape[1])
            mark = resized(mark, (wide, round(mark.shape[0] * wide / mark.shape[1])))
            return laid(image, mark, step)
        case {"type": "annotation", "text": text, "size": points}:
            return lettered(image, text, points, colour(step["color"])[::-1])
    raise Cannot(str(step))


def resized(image: Pixels, size: Size) -> Pixels:
    """Shrink by averaging areas, as OpenCV's manual advises."""
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def table(factor: float, summand: float) -> Pixels:
    """Write out a straight line, limited to bytes."""
    return np.clip(np.arange(256) * factor + summand, 0, 255).astype(np.uint8)


def rotated(image: Pixels, degrees: float) -> Pixels:
    """Turn about the middle on a canvas that is large enough, white around."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1)
    across, along = abs(matrix[0, 0]), abs(matrix[0, 1])
    wide, high = round(width * across + height * along), round(width * along + height * across)
    matrix[:, 2] += (wide - width) / 2, (high - height) / 2
    return cv2.warpAffine(
        image, matrix, (wide, high), flags=cv2.INTER_CUBIC, borderValue=(255, 255, 255)
    )


def laid(image: Pixels, layer: Pixels, step: Step) -> Pixels:
    """Blend a layer with alpha within its own rectangle."""
    height, width = layer.shape[:2]
    left, top = place(step, (width, height), (image.shape[1], image.shape[0]))
    image = image.copy()
    part = image[top : top + height, left : left + width]
    alpha = layer[..., 3:].astype(np.float32) / 255
    part[:] = np.rint(part * (1 - alpha) + layer[..., :3] * alpha).astype(np.uint8)
    return image


def lettered(image: Pixels, text: str, points: int, ink: tuple[int, ...]) -> Pixels:
    """Write in the middle with a TrueType font."""
    face = cv2.FontFace(FONT)
    area = cv2.getTextSize((0, 0), text, (0, 0), face, points)
    left = (image.shape[1] - area[2]) // 2 - area[0]
    base = (image.shape[0] - area[3]) // 2 - area[1]
    image = np.ascontiguousarray(image)
    cv2.putText(image, text, (left, base), ink, face, points)
    return image


if __name__ == "__main__":
    cv2.setNumThreads(1)
    serve(f"OpenCV {cv2.__version__}", perform)
