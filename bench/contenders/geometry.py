"""Sizes and places, for contenders that leave them to their users."""

from math import floor
from pathlib import Path

from bench.contenders.protocol import Cannot, Step

FONT = str(Path(__file__).parents[2] / "engine/fonts/shipped/LiberationSans-Regular.ttf")
Size = tuple[int, int]
Place = tuple[int, int]


def whole(value: float) -> int:
    """Round to the nearest, halves up."""
    return max(1, floor(value + 0.5))


def length(value: float | str, whole_side: int) -> int:
    """Read `200` or ``"20%"``."""
    if isinstance(value, str):
        return whole(float(value.removesuffix("%")) * whole_side / 100)
    return whole(value)


def scaled_to_width(size: Size, width: int) -> Size:
    """Keep the shape."""
    return width, whole(size[1] * width / size[0])


def covering(size: Size, box: Size) -> Size:
    """Return the smallest size of the same shape that covers a box."""
    scale = max(box[0] / size[0], box[1] / size[1])
    return max(box[0], whole(size[0] * scale)), max(box[1], whole(size[1] * scale))


def fitting(size: Size, box: Size) -> Size:
    """Return the largest size of the same shape that fits a box."""
    scale = min(box[0] / size[0], box[1] / size[1])
    return min(box[0], whole(size[0] * scale)), min(box[1], whole(size[1] * scale))


def scaled(step: Step, size: Size) -> Size | None:
    """Return the size that a step scales to, before it cuts or fills; None if it does not."""
    box = step.get("width", 0), step.get("height", 0)
    match step:
        case {"type": "resize"}:
            return scaled_to_width(size, box[0])
        case {"type": "crop"} | {"type": "fitmethod", "fit_type": "cropbox"}:
            return covering(size, box)
        case {"type": "fitmethod", "fit_type": "letterbox"}:
            return fitting(size, box)
    return None


def place(step: Step, thing: Size, area: Size) -> Place:
    """Find the corner of a thing in an area by gravity and offsets."""
    gravity, across, along = (
        step.get("gravity", "center"),
        step.get("xoffset", 0),
        step.get("yoffset", 0),
    )
    if gravity == "southeast":
        return area[0] - thing[0] - across, area[1] - thing[1] - along
    if gravity == "center":
        return (area[0] - thing[0]) // 2 + across, (area[1] - thing[1]) // 2 + along
    raise Cannot(f"gravity {gravity}")


def colour(value: str) -> tuple[int, int, int]:
    """Read #rrggbb."""
    red, green, blue = bytes.fromhex(value.removeprefix("#"))
    return red, green, blue


def contrast(level: float) -> tuple[float, float]:
    """Return factor and summand of a contrast level."""
    factor = ((100 + level) / 100) ** 2
    return factor, 127.5 * (1 - factor)


def shrink(batch_sizes: list[Size], size: Size) -> int:
    """Return how far a JPEG may be shrunk while it is decoded: 8, 4, 2 or 1 times.

    All that is made of it must be made by shrinking still.
    """
    for factor in (8, 4, 2):
        width, height = -(-size[0] // factor), -(-size[1] // factor)
        if all(width >= wanted[0] and height >= wanted[1] for wanted in batch_sizes):
            return factor
    return 1


def widths(steps: list[Step]) -> list[tuple[Step, int]]:
    """Return with each step the width that the one before has, 0 if there is none."""
    made = [0, *(step.get("width", 0) for step in steps)]
    return list(zip(steps, made, strict=False))
