"""Draw the packages and their imports, and list what each is about, for ARCHITECTURE.md.

    make architecture

writes docs/images/architecture.svg and the table in ARCHITECTURE.md; a test holds both to the code.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape
from string import Template

from tools.layout import Layout, lay_out
from tools.packages import CONTAINERS, ROOT, Module, dependencies, modules, packages, reduced

DRAWING = ROOT / "docs" / "images" / "architecture.svg"
PAGE = ROOT / "ARCHITECTURE.md"
BEGIN, END = "<!-- packages:begin -->", "<!-- packages:end -->"

KNOWLEDGE = re.compile(r"\bknows?\b", re.IGNORECASE)

# Lengths in pixels: of a box, between boxes, round a panel.
WIDTH, HEIGHT, BESIDE, BELOW = 104.0, 30.0, 18.0, 36.0
MARGIN, PADDING, TITLE = 16.0, 18.0, 30.0

STYLE = Template("""
.paper{fill:$paper}.panel{fill:$panel;stroke:$edge}.box{fill:$box;stroke:$edge}
.other{fill:none;stroke:$line;stroke-dasharray:4 3}
.arrow{fill:none;stroke:$line;stroke-width:1.4}.tip{fill:$line}text{fill:$ink}
""")
LIGHT = {
    "paper": "#fff", "panel": "#f6f8fa", "box": "#fff", "edge": "#d1d9e0", "line": "#818b98",
    "ink": "#1f2328",
}  # fmt: skip
DARK = {
    "paper": "#0d1117", "panel": "#151b23", "box": "#0d1117", "edge": "#3d444d", "line": "#6e7781",
    "ink": "#e6edf3",
}  # fmt: skip
TEXT = "text{font:13px ui-sans-serif,system-ui,sans-serif}.title{font-weight:600}"


def draw() -> str:
    """Draw service and engine side by side, an arrow for each import that no others imply."""
    panels = [(name, lay_out(reduced(dependencies(name)))) for name in reversed(CONTAINERS)]
    width = MARGIN + sum(_panel_width(layout) + MARGIN for _, layout in panels)
    height = 2 * MARGIN + max(_panel_height(layout) for _, layout in panels)
    parts: list[str] = []
    left = MARGIN
    for name, layout in panels:
        parts += _panel(name, layout, left)
        left += _panel_width(layout) + MARGIN
    return _document(width, height, parts)


def table() -> str:
    """List every package, what it is about and what it does not know, as its docstring says."""
    rows = ["| package | is about | boundary |", "| --- | --- | --- |"]
    for package in packages():
        if package.name not in CONTAINERS:
            about, knows = said(package)
            rows.append(f"| `{_folder(package)}` | {about} | {knows} |")
    for container in CONTAINERS:
        files = [
            f"`{module.path.name}`"
            for module in modules().values()
            if module.package == container and not module.is_package
        ]
        rows.append(f"| `{container}/` itself | {', '.join(files)} | Open to every package. |")
    return "\n".join(rows)


def said(package: Module) -> tuple[str, str]:
    """Return what a package's docstring says: what it is about, and what it does not know."""
    about, *rest = (" ".join(each.split()) for each in package.docstring.split("\n\n"))
    sentences = re.split(r"(?<=\.) ", " ".join(rest))
    return about, " ".join(each for each in sentences if KNOWLEDGE.search(each))


def page(text: str) -> str:
    """Return ARCHITECTURE.md with the table of now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


def _folder(package: Module) -> str:
    return package.name.replace(".", "/") + "/"


def _panel(name: str, layout: Layout, left: float) -> Iterator[str]:
    yield (
        f'<rect class="panel" x="{left:g}" y="{MARGIN:g}" width="{_panel_width(layout):g}" '
        f'height="{_panel_height(layout):g}" rx="8"/>'
    )
    yield _text(left + PADDING, MARGIN + 22, f"{name}/", "title", "start")
    left, top = left + PADDING, MARGIN + TITLE + PADDING / 2
    for points in layout.arrows:
        yield _arrow([(left + _middle(column), top + _top(layer)) for column, layer in points])
    for node, (column, layer) in layout.nodes.items():
        yield from _box(node, left + _middle(column), top + _top(layer))


def _middle(column: float) -> float:
    return column * (WIDTH + BESIDE) + WIDTH / 2


def _top(layer: int) -> float:
    return layer * (HEIGHT + BELOW)


def _panel_width(layout: Layout) -> float:
    return 2 * PADDING + layout.columns * (WIDTH + BESIDE) - BESIDE


def _panel_height(layout: Layout) -> float:
    return TITLE + 1.5 * PADDING + layout.layers * (HEIGHT + BELOW) - BELOW


def _box(name: str, middle: float, top: float) -> Iterator[str]:
    kind = "other" if name in CONTAINERS else "box"
    label = f"{name}/" if name in CONTAINERS else name.partition(".")[2]
    yield f"<g><title>{escape(said(modules()[name])[0])}</title>"
    yield (
        f'<rect class="{kind}" x="{middle - WIDTH / 2:g}" y="{top:g}" width="{WIDTH:g}" '
        f'height="{HEIGHT:g}" rx="6"/>'
    )
    yield f"{_text(middle, top + 20, label)}</g>"


def _arrow(points: Sequence[tuple[float, float]]) -> str:
    """Draw a curve from below the first box to above the last, straight past the others."""
    (x, y), *rest = points
    y += HEIGHT
    path = f"M{x:g} {y:g}"
    for at, (to, top) in enumerate(rest):
        last = at == len(rest) - 1
        end = top - 5 if last else top
        path += f"C{x:g} {(y + end) / 2:g} {to:g} {(y + end) / 2:g} {to:g} {end:g}"
        x, y = to, end
        if not last:
            y += HEIGHT
            path += f"V{y:g}"
    return f'<path class="arrow" d="{path}" marker-end="url(#tip)"/>'


def _text(x: float, base: float, words: str, kind: str = "", anchor: str = "middle") -> str:
    look = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{base:g}" text-anchor="{anchor}"{look}>{escape(words)}</text>'


def _document(width: float, height: float, parts: Sequence[str]) -> str:
    dark = f"@media(prefers-color-scheme:dark){{{STYLE.substitute(DARK)}}}"
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="6" '
        'markerHeight="6" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" height="{height:g}" role="img">',
            "<title>The packages of Darkroom and which of them import which</title>",
            f"<style>{TEXT}{STYLE.substitute(LIGHT)}{dark}</style>",
            tip,
            '<rect class="paper" width="100%" height="100%"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    DRAWING.write_text(draw())
    PAGE.write_text(page(PAGE.read_text()))
