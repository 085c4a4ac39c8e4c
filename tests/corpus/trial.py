"""One file through a matrix of jobs, in both orders, beside what another library makes of it."""

import io
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from PIL import Image

from engine import Job, Output, Source, parse_batch, render
from engine.errors import DarkroomError
from engine.explain import explain
from service.sandbox.child.memory import Memory
from tests.corpus.reference import reference
from tests.engine.images import Json, Pixels, distance

PLAIN: Json = {"destination": "plain.png", "transformations": []}
JOBS: list[Json] = [
    PLAIN,
    {"destination": "small.jpg", "transformations": [{"type": "resize", "width": 200}]},
    {
        "destination": "square.webp",
        "transformations": [
            {"type": "fitmethod", "fit_type": "cropbox", "width": 120, "height": 120},
            {"type": "filter", "filter": "sepia"},
        ],
    },
    {
        "destination": "round.avif",
        "transformations": [
            {"type": "resize", "width": 90},
            {"type": "rotate", "degrees": 30},
            {"type": "blur", "sigma": 1.5},
        ],
        "options": {"effort": 0},
    },
    {"destination": "moving.gif", "transformations": [{"type": "resize", "height": 40}]},
    {
        "destination": "named.tif",
        "transformations": [{"type": "ulb"}, {"type": "contrast", "level": 20}],
        "quality": 90,
    },
    {**PLAIN, "destination": "taken.png", "damaged": "accept"},
]
DONE, DAMAGED = "done", "done, damaged"
SAME = 99.0  # dB of equal pixels
LARGE = 2_000_000  # pixels from which memory says something


class Trial(Struct, frozen=True, kw_only=True):
    """What became of a file.

    `outcomes` are the jobs' codes, or `DONE`; `reordered` those of the other order where they
    differ. `decibels` tell how near the plain result is to the reference, 0 if it has another
    shape, None without a reference. `ratio` is predicted memory to measured, `predicted` the former
    in bytes.
    """

    file: str
    facts: str = ""
    outcomes: tuple[str, ...] = ()
    reordered: tuple[str, ...] = ()
    message: str = ""
    decibels: float | None = None
    shapes: str = ""
    ratio: float | None = None
    predicted: int = 0
    seconds: float = 0.0
    broken: str = ""

    @property
    def plain(self) -> str:
        """The outcome of the job that changes nothing."""
        return self.outcomes[0] if self.outcomes else ""

    @property
    def internal(self) -> bool:
        """Whether a job failed for no reason that a client can be told."""
        return "internal" in (*self.outcomes, *self.reordered)


def jobs(described: Sequence[Json] = JOBS) -> tuple[Job, ...]:
    """Parse jobs as a client sends them."""
    return parse_batch(json.dumps({"source": "in", "jobs": list(described)}).encode()).jobs


def tried(path: Path, described: Sequence[Json] = JOBS) -> Trial:
    """Try a file; the first job changes nothing."""
    began, source = time.perf_counter(), Source.from_bytes(path.read_bytes())
    batch = jobs(described)
    ((pixels, predicted),) = explain_alone(source)
    plain, grown = _measured(source)
    results = dict(render(source, batch))
    backwards = dict(render(source, batch[::-1]))
    outcomes = tuple(map(_code, (results[index] for index in range(len(batch)))))
    reordered = tuple(map(_code, (backwards[index] for index in reversed(range(len(batch))))))
    decibels, shapes = _compared(plain, path) if isinstance(plain, Output) else (None, "")
    return Trial(
        file=path.name,
        facts=pixels[1],
        outcomes=outcomes,
        reordered=() if reordered == outcomes else reordered,
        message=getattr(plain, "message", ""),
        decibels=decibels,
        shapes=shapes,
        ratio=predicted / grown if predicted and grown > 0 and pixels[0] >= LARGE else None,
        predicted=predicted,
        seconds=time.perf_counter() - began,
    )


def explain_alone(source: Source) -> list[tuple[tuple[int, str], int]]:
    """Return the pixels, the facts and the predicted bytes of the plain job; zeros if it fails."""
    try:
        told = explain(source, jobs([PLAIN]))
    except DarkroomError:
        return [((0, ""), 0)]
    predicted = told.cost.peak_bytes if told.jobs[0].refusal is None else 0
    return [((told.facts.size.pixels * told.facts.frames, str(told.facts)), predicted)]


def _measured(source: Source) -> tuple[Output | DarkroomError, int]:
    """Carry out the plain job first of all, and tell how much the process grew."""
    memory = Memory()
    memory.reset_peak()
    _, before = memory.measure()
    ((_, made),) = render(source, jobs([PLAIN]))
    peak, _ = memory.measure()
    return made, peak - before


def _code(result: Output | DarkroomError) -> str:
    if isinstance(result, Output):
        return DAMAGED if result.damaged else DONE
    return result.code


def _compared(plain: Output, path: Path) -> tuple[float | None, str]:
    """Compare with the reference, on premultiplied colours."""
    wanted = reference(path)
    if wanted is None:
        return None, ""
    made: Pixels = np.asarray(Image.open(io.BytesIO(plain.data)).convert("RGBA"))
    if made.shape != wanted.shape:
        return 0.0, f"{made.shape[1]}×{made.shape[0]}, not {wanted.shape[1]}×{wanted.shape[0]}"
    return min(SAME, distance(made, wanted)[1]), ""
