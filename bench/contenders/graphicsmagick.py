"""GraphicsMagick's command: one call an output, and one more for each watermark."""

from pathlib import Path

from bench.contenders.geometry import FONT, contrast, length, widths
from bench.contenders.magick import GEOMETRIC, GRAVITY, PERCENT, arguments_alike
from bench.contenders.programs import find, run
from bench.contenders.protocol import Batch, Cannot, Job, Step, serve


def perform(batch: Batch) -> None:
    """Do each job by commands of its own."""
    for job in batch.jobs:
        convert(batch, job)


def convert(batch: Batch, job: Job) -> None:
    """Collect arguments until a watermark needs a command of its own."""
    arguments: list[object] = [*hint(batch, job.steps[0]), batch.source]
    between = job.path.with_suffix(".miff")
    for step, known_width in widths(job.steps):
        if step["type"] != "watermark":
            arguments += arguments_of(step)
            continue
        run(PROGRAM, "convert", *arguments, between)
        composite(batch.beside(step["source"]), length(step["width"], known_width), step, between)
        arguments = [between]
    quality = [] if job.path.suffix == ".png" else ["-quality", job.quality]
    run(PROGRAM, "convert", *arguments, *quality, "+profile", "*", job.path)
    between.unlink(missing_ok=True)


def composite(mark: Path, width: int, step: Step, between: Path) -> None:
    """Lay an image over the one at hand."""
    place = f"+{step['xoffset']}+{step['yoffset']}"
    small = between.with_suffix(".mark.miff")
    run(PROGRAM, "convert", mark, "-resize", f"{width}x", small)
    arguments = ["-gravity", GRAVITY[step["gravity"]], "-geometry", place]
    run(PROGRAM, "composite", *arguments, small, between, between)
    small.unlink()


def hint(batch: Batch, first: Step) -> list[object]:
    """Tell libjpeg how small it may decode: twice the output."""
    if batch.source.suffix != ".jpg" or first["type"] not in GEOMETRIC:
        return []
    side = 2 * max(first["width"], first.get("height", 0))
    return ["-size", f"{side}x{side}"]


def arguments_of(step: Step) -> list[object]:
    """Return GraphicsMagick's arguments for a step."""
    if alike := arguments_alike(step):
        return alike
    match step:
        case {"type": "brightness", "bright_level": level}:
            return added("All", level)
        case {"type": "contrast", "level": level}:
            return contrasted(*contrast(level))
        case {"type": "colorize", "red": red, "green": green, "blue": blue}:
            return toned(red, green, blue)
        case {"type": "filter", "filter": "grayscale"}:
            return grey()
        case {"type": "filter", "filter": "sepia"}:
            return [*grey(), *toned(90, 60, 40)]
        case {"type": "rotate", "degrees": degrees}:
            return ["-background", "white", "-rotate", degrees]
        case {"type": "annotation", "text": text, "size": size, "color": colour}:
            letters = ["-font", FONT, "-pointsize", size, "-fill", colour]
            return [*letters, "-gravity", "Center", "-draw", f'text 0,0 "{text}"']
    raise Cannot(str(step))


def added(channel: str, amount: float) -> list[object]:
    """Add to one channel, or to all."""
    word = "Add" if amount >= 0 else "Subtract"
    return ["-operator", channel, word, f"{abs(amount) * PERCENT}%"]


def contrasted(factor: float, summand: float) -> list[object]:
    """Multiply and add, in the order in which nothing is cut off too early."""
    times = ["-operator", "All", "Multiply", factor]
    if factor > 1:
        return [*added("All", summand / factor), *times]
    return [*times, *added("All", summand)]


def grey() -> list[object]:
    """Weigh the channels, and be RGB again for what follows."""
    return ["-colorspace", "Rec601Luma", "-colorspace", "RGB"]


def toned(red: float, green: float, blue: float) -> list[object]:
    """Add to each channel."""
    return [*added("Red", red), *added("Green", green), *added("Blue", blue)]


if __name__ == "__main__":
    PROGRAM, VERSION = find("gm", said="GraphicsMagick", install="apt-get install graphicsmagick")
    serve(" ".join(VERSION.split()[:2]), perform)
