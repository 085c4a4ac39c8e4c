"""The page: plain HTML and CSS, without scripts or external resources."""

import json
import re
from html import escape

from msgspec import Struct

from engine.schema import TYPES
from gallery.examples import Json, Panel

INTRODUCTIONS = {
    "several": "A job may have any number of transformations.",
    "saving": "The fields of a job besides its transformations.",
}
TITLES = {"several": "Combinations", "saving": "Fields of a job"}


class ImageFile(Struct, frozen=True):
    """A file of the gallery: its name, its sides in pixels, its length in bytes, its colours."""

    name: str
    width: int
    height: int
    size: int
    palette: tuple[str, ...] = ()


class RenderedPanel(Struct, frozen=True):
    """A panel with its images."""

    panel: Panel
    before: ImageFile
    after: list[ImageFile]


class Section(Struct, frozen=True):
    """All panels of a transformation."""

    name: str
    panels: list[RenderedPanel]

    @property
    def title(self) -> str:
        """Its heading."""
        return TITLES.get(self.name, self.name)


def write(sections: list[Section]) -> str:
    """Write the whole page."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Darkroom: the gallery</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css">
</head>
<body>
{_contents(sections)}
<main>
<header id="top">
<h1>The gallery</h1>
<p>Every transformation and every option, before and after, each with the JSON that made it.
Click the JSON to select all of it. <a href="../api.md#transformations">The API
documentation</a> explains the options.</p>
<p class="small">In each panel all images have the same scale, and a checkerboard shows
where they are transparent. Photographs: a cat (Stéfan van der Walt, CC0), coffee (Rachel
Michetti, CC0), Eileen Collins (NASA, public domain), a rocket (SpaceX, public domain).</p>
</header>
{"".join(map(_section, sections))}</main>
</body>
</html>
"""


def _contents(sections: list[Section]) -> str:
    links = "".join(f'<li><a href="#{each.name}">{each.title}</a></li>\n' for each in sections)
    home = '<a class="home" href="#top">Gallery</a>'
    return f'<nav aria-label="Contents">\n{home}\n<ul>\n{links}</ul>\n</nav>'


def _section(section: Section) -> str:
    name = section.name
    text = INTRODUCTIONS.get(name) or _code(escape(str(TYPES[name].__doc__)))
    more = f' <a href="../api.md#{name}">Options</a>' if name in TYPES else ""
    panels = "".join(map(_panel, section.panels))
    head = f"<h2>{section.title}</h2>\n<p>{text}{more}</p>"
    return f'<section id="{name}">\n{head}\n{panels}</section>\n'


def _code(text: str) -> str:
    return re.sub(r"`+([^`]+)`+", r"<code>\1</code>", text)


def _panel(rendered: RenderedPanel) -> str:
    panel, widest = rendered.panel, max(each.width for each in [rendered.before, *rendered.after])
    note = f"<p>{escape(panel.note)}</p>\n" if panel.note else ""
    figures = "".join(
        _figure(image, widest, panel.title, job)
        for image, job in zip(rendered.after, panel.jobs, strict=True)
    )
    return (
        f"<article>\n<h3>{escape(panel.title)}</h3>\n{note}"
        f'<div class="panel{" narrow" if panel.small else ""}">\n'
        f"{_figure(rendered.before, widest)}{figures}</div>\n</article>\n"
    )


def _figure(image: ImageFile, widest: int, title: str = "", job: Json | None = None) -> str:
    """Show an image, as wide as it is beside the widest of its panel."""
    size = f"{image.width} × {image.height}"
    if job is None:
        label, caption = "before", f"before, {size}"
    else:
        label = f"after {json.dumps(shown(job), ensure_ascii=False)}"
        caption = f"{size}, {image.size:,} bytes" if "destination" in job else size
    if image.palette:
        swatches = "".join(
            f'<i style="background:{each}" title="{each}"></i>' for each in image.palette
        )
        caption += f'<span class="palette">{swatches}</span>'
    raw_json = "" if job is None else f"<pre><code>{_marked(job, title)}</code></pre>"
    return (
        f"<figure{' class=before' if job is None else ''}>\n"
        f'<span><img src="{image.name}" width="{image.width}" height="{image.height}" '
        f'style="width:{100 * image.width / widest:.4g}%" '
        f'loading="lazy" alt="{escape(label)}"></span>\n'
        f"<figcaption>{caption}{raw_json}</figcaption>\n</figure>\n"
    )


def _marked(job: Json, title: str) -> str:
    """Write the JSON with the options that the panel is about in bold."""
    options = "|".join(re.findall(r"\w+", title))
    return re.sub(
        rf"(&quot;(?:{options})&quot;: (?:&quot;.*?&quot;|[^,}}]+))",
        r"<b>\1</b>",
        escape(as_text(shown(job))),
        flags=re.IGNORECASE,
    )


def shown(job: Json) -> object:
    """Return the part of a job that an example is about: one step, all steps, or the job."""
    if "destination" in job:
        return job
    steps = job["transformations"]
    return steps[0] if len(steps) == 1 else steps


def as_text(value: object) -> str:
    """Write JSON, an array with one line for each of its parts."""
    if isinstance(value, list):
        rows = ",\n".join(f"  {json.dumps(each, ensure_ascii=False)}" for each in value)
        return f"[\n{rows}\n]"
    return json.dumps(value, ensure_ascii=False)
