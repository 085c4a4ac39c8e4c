"""`darkroom fonts`: lists the fonts for text and draws samples of them."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

import engine
from engine.fonts import SAMPLES, TYPEFACES, Face, Style, scripts_of
from service.commands.exits import fail
from service.settings import variable

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEANl9ngAAAAABJRU5ErkJggg=="
)
PANGRAM = "Hamburgefonstiv 0123456789 “&” éñß"
ORDER = [style.value for style in Style]
WIDTH, ROW, MARGIN, COLUMN = 1100, 44, 16, 300


def takes_fonts(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option `--fonts`, which corresponds to the setting of workers."""
    return click.option(
        "--fonts", type=click.Path(path_type=Path), envvar=variable("fonts"), show_envvar=True,
        help="Folder of additional fonts for text.",
        callback=_use_fonts, expose_value=False,
    )(command)  # fmt: skip


def _use_fonts(_context: click.Context, _option: click.Parameter, folder: Path | None) -> None:
    """Add the fonts of a folder; exit if they cannot be loaded."""
    try:
        if folder is not None:
            engine.add_fonts(folder)
    except engine.DarkroomError as error:
        fail(error.message, 2)


@click.command()
@takes_fonts
@click.option(
    "--sample", type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write a PNG with a sample of each font.",
)  # fmt: skip
def fonts(sample: Path | None) -> None:
    """List the fonts that text can be drawn with.

    Each family is listed with its aliases, styles, scripts and origin. Characters that a font
    lacks are drawn with the other fonts (fallback fonts).
    """
    click.echo("\n".join(_table()))
    if sample is not None:
        sample.write_bytes(_sheet())


def _table() -> Iterator[str]:
    families: dict[str, list[Face]] = {}
    for face in TYPEFACES.faces:
        families.setdefault(face.family, []).append(face)
    for family, faces in families.items():
        yield " = ".join([family, *TYPEFACES.aliases(family)])
        yield f"    styles   {', '.join(sorted((f.style.value for f in faces), key=ORDER.index))}"
        yield f"    scripts  {', '.join(scripts_of(faces[0].characters)) or 'others'}"
        yield f"    from     {TYPEFACES.origin(faces[0])}"


def _sheet() -> bytes:
    """Draw a line in each face, then a line of each script in Arial with its fallback fonts."""
    rows = [(face.name, face.name, _line_in(face)) for face in TYPEFACES.faces]
    rows += [(script, "Arial", sample) for script, sample in SAMPLES.items()]
    steps: list[dict[str, Any]] = [
        {"type": "resize", "width": WIDTH, "height": 2 * MARGIN + ROW * len(rows)}
    ]
    for index, (caption, font, text) in enumerate(rows):
        steps += _row(MARGIN + ROW * index, caption, font, text)
    job = {"destination": "sample.png", "transformations": steps}
    body = msgspec.json.encode({"source": "pixel", "jobs": [job]})
    batch = engine.parse_batch(body, engine.Limits(max_transformations=len(steps)))
    [(_, made)] = engine.render(engine.Source.from_bytes(PIXEL), batch.jobs)
    if isinstance(made, engine.DarkroomError):
        raise click.ClickException(made.message)
    return made.data


def _line_in(face: Face) -> str:
    scripts = scripts_of(face.characters)
    if "Latin" in scripts or not scripts:
        return PANGRAM
    return "   ".join(SAMPLES[script] for script in scripts)


def _row(top: int, caption: str, font: str, text: str) -> Iterator[dict[str, Any]]:
    place = {"type": "annotation", "gravity": "northwest"}
    small = {"size": 13, "color": "#777", "xoffset": MARGIN, "yoffset": top + 11}
    yield {**place, "text": caption, **small}
    yield {**place, "text": text, "font": font, "size": 26, "xoffset": COLUMN, "yoffset": top}
