"""ImageMagick's command: one call a batch, each job from a copy of what was read."""

from pathlib import Path

from bench.contenders.geometry import FONT, contrast, length, widths
from bench.contenders.magick import GEOMETRIC, GRAVITY, PERCENT, arguments_alike
from bench.contenders.programs import find, run
from bench.contenders.protocol import Batch, Cannot, Step, serve


def perform(batch: Batch) -> None:
    """Read once, with libjpeg's help where all jobs begin with a scaling, and write all."""
    arguments: list[object] = [PROGRAM, *hint(batch), batch.source]
    for job in batch.jobs:
        steps = [
            argument
            for step, width in widths(job.steps)
            for argument in arguments_of(step, batch, width)
        ]
        quality = [] if job.path.suffix == ".png" else ["-quality", job.quality]
        arguments += ["(", "+clone", *steps, *quality, "-write", job.path, "+delete", ")"]
    run(*arguments, "null:")


def hint(batch: Batch) -> list[object]:
    """Tell libjpeg how small it may decode: twice the largest output, as documented."""
    scalings = [job.steps[0] for job in batch.jobs if job.steps[0]["type"] in GEOMETRIC]
    if batch.source.suffix != ".jpg" or len(scalings) < len(batch.jobs):
        return []
    sides = [2 * max(step["width"], step.get("height", 0)) for step in scalings]
    return ["-define", f"jpeg:size={max(sides)}x{max(sides)}"]


def arguments_of(step: Step, batch: Batch, known_width: int) -> list[object]:
    """Return ImageMagick's arguments for a step."""
    if alike := arguments_alike(step):
        return alike
    match step:
        case {"type": "brightness", "bright_level": level}:
            return ["-evaluate", "Add", f"{level * PERCENT}%"]
        case {"type": "contrast", "level": level}:
            factor, summand = contrast(level)
            return ["-function", "Polynomial", f"{factor},{summand / 255}"]
        case {"type": "colorize", "red": red, "green": green, "blue": blue}:
            return toned(red, green, blue)
        case {"type": "filter", "filter": "grayscale"}:
            return grey()
        case {"type": "filter", "filter": "sepia"}:
            return [*grey(), *toned(90, 60, 40)]
        case {"type": "rotate", "degrees": degrees}:
            return ["-background", "white", "-rotate", degrees, "+repage"]
        case {"type": "watermark", "source": name, "width": width}:
            return watermarked(batch.beside(name), length(width, known_width), step)
        case {"type": "annotation", "text": text, "size": size, "color": colour}:
            letters = ["-font", FONT, "-pointsize", size, "-fill", colour]
            return [*letters, "-gravity", "Center", "-annotate", "+0+0", text]
    raise Cannot(str(step))


def grey() -> list[object]:
    """Weigh the channels, and stay RGB for what follows."""
    return ["-grayscale", "Rec601Luma", "-type", "TrueColor", "-colorspace", "sRGB"]


def toned(red: float, green: float, blue: float) -> list[object]:
    """Add to each channel."""
    arguments: list[object] = []
    for name, amount in (("R", red), ("G", green), ("B", blue)):
        arguments += ["-channel", name, "-evaluate", "Add", f"{amount * PERCENT}%"]
    return [*arguments, "+channel"]


def watermarked(path: Path, width: int, step: Step) -> list[object]:
    """Lay an image over the current one."""
    place = f"+{step['xoffset']}+{step['yoffset']}"
    mark = ["(", path, "-resize", f"{width}x", ")"]
    return [*mark, "-gravity", GRAVITY[step["gravity"]], "-geometry", place, "-composite"]


if __name__ == "__main__":
    PROGRAM, VERSION = find(
        "magick", "convert", said="ImageMagick", install="apt-get install imagemagick"
    )
    serve(VERSION.removeprefix("Version: ").rsplit(" ", 3)[0], perform)
