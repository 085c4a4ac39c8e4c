"""Draws an explanation: the merged plans of a batch, from the source down to the destinations.

Plain SVG that needs nothing else: no script, no link, no font of its own. Each box is a step,
with a bar whose colour is the step's locality. Beside a line stands the frame that is passed
along it. An output with several readers is materialised, and labelled with its bytes.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from html import escape
from string import Template

from engine.explain.explanation import Explanation, JobExplanation
from engine.explain.tree import TreeBranch, TreeSave, TreeStep
from engine.ir import Access, Locality

# Lengths in pixels: of a leaf's column, of a box in it, of what stands between boxes.
COLUMN, BOX, GAP, FAN, PILL = 178.0, 164.0, 30.0, 46.0, 22.0
MARGIN, ROW, MIN_WIDTH = 24.0, 15.0, 560.0
CHARACTER = 6.5  # width of a monospaced character, rounded up
MAX_CHARACTERS = int((BOX - 18) / CHARACTER)
MAX_ROWS = 2

LOCALITY_LABELS = {
    Locality.POINTWISE: "reads one pixel",
    Locality.NEIGHBOURHOOD: "reads its neighbours",
    Locality.GEOMETRIC: "reads pixels elsewhere",
    Locality.GLOBAL: "reads the whole image",
}

Outlet = TreeSave | TreeBranch

FONTS = """
text{font:12px ui-sans-serif,system-ui,sans-serif}
.title{font-size:15px;font-weight:600}.name{font-weight:600}
.detail{font:10.5px ui-monospace,monospace}.frame{stroke-width:5;paint-order:stroke}
.line{fill:none;stroke-width:1.5}.shared{stroke-dasharray:4 3}
"""
COLOURS = Template("""
.paper{fill:$paper}.box{fill:$box;stroke:$edge}.shared{fill:$shared;stroke:$border}
.save{fill:$save;stroke:$saved}.line{stroke:$line}.frame{stroke:$paper}
text{fill:$ink}.detail{fill:$quiet}.ink{fill:$ink}.refused{fill:$refused}
.pointwise{fill:$pixel}.neighbourhood{fill:$near}.geometric{fill:$far}.global{fill:$all}
""")
LIGHT = {
    "paper": "#fff", "ink": "#1f2328", "quiet": "#59636e", "line": "#9aa4af", "box": "#f6f8fa",
    "edge": "#d1d9e0", "shared": "#fff3c4", "border": "#b88700", "save": "#dff3ea",
    "saved": "#1a7f4b", "refused": "#cf222e", "pixel": "#2da44e", "near": "#8250df",
    "far": "#0969da", "all": "#bc4c00",
}  # fmt: skip
DARK = {
    "paper": "#0d1117", "ink": "#e6edf3", "quiet": "#9198a1", "line": "#545d68", "box": "#161b22",
    "edge": "#3d444d", "shared": "#3a2d0c", "border": "#d29922", "save": "#0f2d20",
    "saved": "#3fb950", "refused": "#ff7b72", "pixel": "#3fb950", "near": "#a371f7",
    "far": "#4493f8", "all": "#f0883e",
}  # fmt: skip
DARKENED = f"@media(prefers-color-scheme:dark){{{COLOURS.substitute(DARK)}}}"
STYLE = f"{FONTS}{COLOURS.substitute(LIGHT)}{DARKENED}"

# Characters that XML 1.0 cannot represent, not even escaped.
NOT_IN_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def draw(explanation: Explanation) -> str:
    """Draw an explanation as an SVG document."""
    trees, jobs = explanation.trees, explanation.jobs
    columns = sum(map(_columns, trees))
    width = 2 * MARGIN + max(MIN_WIDTH, columns * COLUMN)
    top = MARGIN + 2 * ROW + GAP
    floor = top + max(map(_depth, trees), default=0.0)
    parts = [*_heading(explanation)]
    left = (width - columns * COLUMN) / 2
    for tree in trees:
        parts += _branch(tree, jobs, left, top, floor)
        left += _columns(tree) * COLUMN
    bottom = floor + max(map(_leaf_height, trees), default=0.0) + GAP
    notes = _notes(jobs, int((width - 2 * MARGIN) / CHARACTER))
    parts += [_text(MARGIN, bottom + at * ROW, *note) for at, note in enumerate(notes)]
    bottom += (len(notes) + bool(notes)) * ROW
    parts += _legend(trees, bottom)
    return _document(width, bottom + MARGIN, parts)


def _heading(explanation: Explanation) -> Iterator[str]:
    """Name the source, the number of jobs, and the predicted cost of all of them."""
    materialised = sum(map(_held_bytes, explanation.trees))
    refused = sum(job.refusal is not None for job in explanation.jobs)
    count = len(explanation.jobs)
    summary = [
        "1 job" if count == 1 else f"{count} jobs",
        f"{refused} refused" if refused else "",
        str(explanation.cost) if explanation.trees else "",
        f"{_megabytes(materialised)} materialised" if materialised else "",
    ]
    yield _text(MARGIN, MARGIN + ROW - 3, str(explanation.facts), "title")
    yield _text(MARGIN, MARGIN + 2 * ROW + 2, " · ".join(filter(None, summary)))


def _branch(
    branch: TreeBranch, jobs: Sequence[JobExplanation], left: float, top: float, floor: float
) -> Iterator[str]:
    """Draw a branch with its readers; the leaves stand on the `floor`."""
    middle, at = _middle(branch, left), top
    for index, step in enumerate(branch.steps):
        if index:
            yield from _edge(middle, at, at + GAP, str(branch.steps[index - 1].frame))
            at += GAP
        yield from _step(step, middle, at)
        at += _height(_rows(step.parameters))
    outlets, frame = _outlets(branch), str(branch.steps[-1].frame)
    if len(outlets) > 1:
        yield _line(f"M{middle:g} {at:g}v10")
        yield from _pill(middle, at + 10, f"{frame}, {_megabytes(branch.held_bytes)} materialised")
        at += 10 + PILL
    for outlet in outlets:
        place = _middle(outlet, left)
        if len(outlets) == 1:
            yield from _edge(middle, at, floor, frame)
        else:
            yield _curve(middle, at, place, floor if isinstance(outlet, TreeSave) else at + FAN)
        if isinstance(outlet, TreeSave):
            yield from _leaf(outlet, jobs[outlet.job], place, floor)
        else:
            yield from _branch(outlet, jobs, left, at + FAN, floor)
        left += _columns(outlet) * COLUMN


def _outlets(branch: TreeBranch) -> list[Outlet]:
    """Return the readers of a branch's output, in the order of their first jobs."""
    outlets: list[Outlet] = [*branch.saves, *branch.branches]
    return sorted(outlets, key=_first_job)


def _first_job(outlet: Outlet) -> int:
    if isinstance(outlet, TreeSave):
        return outlet.job
    return min(map(_first_job, _outlets(outlet)))


def _columns(outlet: Outlet) -> int:
    return 1 if isinstance(outlet, TreeSave) else sum(map(_columns, _outlets(outlet)))


def _middle(outlet: Outlet, left: float) -> float:
    """Return the horizontal centre: the middle between the first and the last reader."""
    if isinstance(outlet, TreeSave):
        return left + COLUMN / 2
    *others, last = _outlets(outlet)
    before = sum(map(_columns, others)) * COLUMN
    first = others[0] if others else last
    return (_middle(first, left) + _middle(last, left + before)) / 2


def _depth(outlet: Outlet) -> float:
    """Return the height from the top of a branch to its leaves."""
    if isinstance(outlet, TreeSave):
        return 0
    boxes = sum(_height(_rows(step.parameters)) for step in outlet.steps)
    outlets = _outlets(outlet)
    below = GAP if len(outlets) == 1 else 10 + PILL + FAN
    return boxes + GAP * (len(outlet.steps) - 1) + below + max(map(_depth, outlets))


def _leaf_height(outlet: Outlet) -> float:
    if isinstance(outlet, TreeSave):
        return _height(_rows(outlet.save))
    return max(map(_leaf_height, _outlets(outlet)))


def _held_bytes(branch: TreeBranch) -> int:
    return branch.held_bytes + sum(map(_held_bytes, branch.branches))


def _step(step: TreeStep, middle: float, top: float) -> Iterator[str]:
    rows = _rows(step.parameters)
    left, height = middle - BOX / 2, _height(rows)
    random = step.access is Access.RANDOM
    manner = f"{step.locality.value}, {step.access.value}"
    yield f"<g><title>{_escaped(f'{step}: {step.frame}, {manner}')}</title>"
    yield _rectangle(left, top, (BOX, height), "box")
    yield _rectangle(left, top, (5, height), step.locality.value, 2.5)
    yield from _label(step.name, rows, left + 13, top)
    if random:
        yield _text(left + BOX - 7, top + 17, "random", "detail", "end")
    yield "</g>"


def _leaf(save: TreeSave, job: JobExplanation, middle: float, top: float) -> Iterator[str]:
    rows = _rows(save.save)
    end = job.destination[-MAX_CHARACTERS:]
    short = end if end == job.destination else f"…{end[1:]}"
    alone = f"; alone {job.cost}" if job.cost else ""
    yield f"<g><title>{_escaped(f'{job.destination}: {save.save}{alone}')}</title>"
    yield _rectangle(middle - BOX / 2, top, (BOX, _height(rows)), "save", 10)
    yield from _label(short, rows, middle - BOX / 2 + 13, top)
    yield "</g>"


def _label(name: str, rows: Sequence[str], left: float, top: float) -> Iterator[str]:
    yield _text(left, top + 17, name, "name")
    for at, row in enumerate(rows):
        yield _text(left, top + 17 + ROW * (at + 1) - 1, row, "detail")


def _rows(text: str) -> list[str]:
    """Break text into the rows of a box; what does not fit is in its title."""
    return textwrap.wrap(text, MAX_CHARACTERS, max_lines=MAX_ROWS, placeholder=" …")


def _height(rows: Sequence[str]) -> float:
    return 27 + ROW * len(rows)


def _pill(middle: float, top: float, label: str) -> Iterator[str]:
    width = len(label) * CHARACTER + 20
    yield _rectangle(middle - width / 2, top, (width, PILL), "shared", PILL / 2)
    yield _text(middle, top + 15, label, "detail ink", "middle")


def _edge(middle: float, top: float, bottom: float, label: str) -> Iterator[str]:
    yield _line(f"M{middle:g} {top:g}V{bottom:g}")
    yield _text(middle, top + GAP / 2 + 4, label, "detail frame", "middle")


def _curve(middle: float, top: float, place: float, bottom: float) -> str:
    half, end = top + FAN / 2, top + FAN
    bend = f"C{middle:g} {half:g} {place:g} {half:g} {place:g} {end:g}"
    return _line(f"M{middle:g} {top:g}{bend}V{bottom:g}")


def _notes(jobs: Sequence[JobExplanation], width: int) -> list[tuple[str, str]]:
    """List assumptions and refusals, as rows with their CSS class."""
    rows: list[tuple[str, str]] = []
    for job in jobs:
        rows += [(f"{job.destination}: assumed that {each}", "detail") for each in job.assumptions]
    for job in jobs:
        if job.refusal is not None:
            refusal = f"{job.destination} is refused, {job.refusal.code}: {job.refusal.message}"
            rows += [(row, "detail refused") for row in textwrap.wrap(refusal, width)]
    return rows


def _legend(trees: Sequence[TreeBranch], top: float) -> Iterator[str]:
    found = {locality for tree in trees for locality in _localities(tree)}
    left = MARGIN
    for locality, label in LOCALITY_LABELS.items():
        if locality in found:
            yield _rectangle(left, top - 9, (5, 12), locality.value, 2.5)
            yield _text(left + 11, top, label, "detail")
            left += 11 + (len(label) + 3) * CHARACTER


def _localities(branch: TreeBranch) -> set[Locality]:
    own = {step.locality for step in branch.steps}
    return own.union(*map(_localities, branch.branches))


def _rectangle(
    left: float, top: float, size: tuple[float, float], kind: str, corner: float = 6
) -> str:
    width, height = size
    return (
        f'<rect class="{kind}" x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" '
        f'rx="{corner:g}"/>'
    )


def _line(path: str) -> str:
    return f'<path class="line" d="{path}"/>'


def _text(left: float, base: float, label: str, kind: str = "", anchor: str = "start") -> str:
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    look = f' class="{kind}"' if kind else ""
    return f'<text x="{left:g}" y="{base:g}"{look}{where}>{_escaped(label)}</text>'


def _escaped(text: str) -> str:
    return escape(NOT_IN_XML.sub("\ufffd", text))


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _document(width: float, height: float, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img">'
    )
    about = f"<title>What Darkroom does with a batch</title><style>{STYLE}</style>"
    paper = '<rect class="paper" width="100%" height="100%"/>'
    return "\n".join([head, about, paper, *parts, "</svg>", ""])
