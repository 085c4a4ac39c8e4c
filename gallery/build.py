"""Making the gallery: every example through the engine, then the page."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from PIL import Image

from engine import Format, Output
from gallery import page
from gallery.examples import CHAINS, GALLERY, SAVING, Json, Panel
from gallery.images import execute, images, marks, read_job

STYLE = Path(__file__).parent / "style.css"
SHOWN = {Format.JPEG, Format.PNG, Format.WEBP, Format.GIF, Format.AVIF}  # by every browser


class Inputs(Struct, frozen=True):
    """The inputs of the examples: the images and the watermarks, by name."""

    images: dict[str, bytes]
    marks: dict[str, bytes]


def build(folder: Path) -> Path:
    """Write the page and its images into a folder, and give the page's path.

    What lay in the folder is removed. Raises Broken for an example that does not come out.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    inputs = Inputs(images(), marks())
    before = {name: _show_before(folder, name, data) for name, data in inputs.images.items()}
    sections = [
        page.Section(name, [_rendered_panel(folder, f"{name}-{at}", panel, inputs, before)
                            for at, panel in enumerate(panels, 1)])
        for name, panels in _groups()
    ]  # fmt: skip
    (folder / "style.css").write_bytes(STYLE.read_bytes())
    index = folder / "index.html"
    index.write_text(page.write(sections), encoding="utf-8")
    return index


def _groups() -> Iterator[tuple[str, tuple[Panel, ...]]]:
    yield from GALLERY.items()
    yield "several", CHAINS
    yield "saving", SAVING


def _show_before(folder: Path, name: str, data: bytes) -> page.ImageFile:
    job = read_job({"destination": "b.webp", "quality": 70, "transformations": []})
    return _write(folder, f"before-{name}", execute(data, job, {}))


def _rendered_panel(
    folder: Path, name: str, panel: Panel, inputs: Inputs, before: dict[str, page.ImageFile]
) -> page.RenderedPanel:
    """Carry out a panel's jobs and write what comes out."""
    after = [
        _show_after(folder, f"{name}-{at}", job, inputs.images[panel.image], inputs.marks)
        for at, job in enumerate(panel.jobs, 1)
    ]
    return page.RenderedPanel(panel, before[panel.image], after)


def _show_after(
    folder: Path, name: str, example: Json, source: bytes, marks: dict[str, bytes]
) -> page.ImageFile:
    job = read_job({"destination": "a.webp", "quality": 70, **example})
    return _write(folder, name, execute(source, job, marks))


def _write(folder: Path, name: str, made: Output) -> page.ImageFile:
    """Write an image as it came out, or as PNG if not every browser shows its format."""
    data, ending = made.data, made.format.value
    if made.format not in SHOWN:
        out = io.BytesIO()
        Image.open(io.BytesIO(data)).save(out, "PNG")
        data, ending = out.getvalue(), "png"
    (folder / f"{name}.{ending}").write_bytes(data)
    palette = (made.description.palette if made.description else None) or ()
    return page.ImageFile(f"{name}.{ending}", made.width, made.height, len(made.data), palette)
