"""One workload: all contenders, interleaved round by round, in one run.

Machines are noisy, so a figure means something only beside the others of the same run:
A B C … A B C …, the median of each, divided by the limit's.
"""

import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.children import LIMIT, PLAIN, Absent, Answer, Child, Contender, Ended
from bench.compare import psnr
from bench.workloads import Workload

SLOW = 2.0  # seconds of CPU; a contender that takes longer is measured once
VERY_SLOW = 10.0  # so slow that the reference, written as PNG, is as good a measure
COUNTS = ("decode_passes", "pixels_decoded", "vips_operations")

Figures = dict[str, Any]
Say = Callable[[str], None]


class Race:
    """The contenders of one workload while they are measured."""

    def __init__(self, name: str, workload: Workload, sources: Path, folder: Path) -> None:
        self.name = name
        self.workload = workload
        self.sources = sources
        self.folder = folder
        self.children: dict[str, Child] = {}
        self.samples: dict[str, list[Answer]] = {}
        self.missing: dict[str, str] = {}
        self.reference = folder / "reference"

    def run(self, contenders: Mapping[str, Contender], rounds: int, say: Say) -> None:
        """Start, warm up, measure, compare."""
        say(f"{self.name}: the reference")
        with Child(contenders[PLAIN]) as plain:
            made = self._make_reference(plain)
        if made["cpu"] > VERY_SLOW:
            self.samples[PLAIN] = [made]
        with ExitStack() as stack:
            for key, contender in contenders.items():
                if key in self.samples:
                    continue
                try:
                    self.children[key] = stack.enter_context(Child(contender))
                except Absent as how:
                    self.missing[key] = f"absent: {how}"
            for index in range(rounds + 1):
                say(f"{self.name}: {f'round {index} of {rounds}' if index else 'warming up'}")
                self._run_round(first=index == 0)
            for key in self.children:
                self._make_lossless(key)

    def figures(self) -> dict[str, Figures]:
        """Return each contender's medians, as multiples of the limit's."""
        cpu, wall = (
            {key: statistics.median(answer[what] for answer in answers)
             for key, answers in self.samples.items()}
            for what in ("cpu", "wall")
        )  # fmt: skip
        return {
            key: {
                "cpu_ms": cpu[key] * 1000,
                "wall_ms": wall[key] * 1000,
                "cpu_ratio": cpu[key] / cpu[LIMIT],
                "wall_ratio": wall[key] / wall[LIMIT],
                "peak_rss_mb": answers[-1]["rss_mb"],
                "psnr_db": self._worst_psnr(key),
                "bytes": self._bytes_written(key),
                **{count: answers[-1][count] for count in COUNTS if count in answers[-1]},
            }
            for key, answers in self.samples.items()
        }

    def _make_reference(self, plain: Child) -> Answer:
        images = self.workload.as_lossless()
        return plain.run(images, self.sources, self.reference, self.reference)

    def _run_round(self, *, first: bool) -> None:
        for key, child in list(self.children.items()):
            try:
                answer = child.run(self.workload, self.sources, self.folder / key, self.reference)
            except Ended as error:
                answer = {"cannot": str(error)}
            if "cannot" in answer:
                self.missing[key] = f"cannot: {answer['cannot']}"
                self.samples.pop(key, None)
                del self.children[key]
            elif not first:
                self.samples.setdefault(key, []).append(answer)
            elif answer["cpu"] > SLOW:
                self.samples[key] = [answer]
                self._make_lossless(key)
                del self.children[key]

    def _make_lossless(self, key: str) -> None:
        if key in {LIMIT, PLAIN}:  # the one has no images of its own, the other made them first
            return
        images = self.folder / "images" / key
        self.children[key].run(self.workload.as_lossless(), self.sources, images, images)

    def _worst_psnr(self, key: str) -> float | None:
        if key == LIMIT:
            return None
        made = self.reference if key == PLAIN else self.folder / "images" / key
        names = [job["destination"] for job in self.workload.as_lossless().jobs]
        return min(psnr(made / name, self.reference / name) for name in names)

    def _bytes_written(self, key: str) -> int | None:
        written: list[Path] = [self.folder / key / job["destination"] for job in self.workload.jobs]
        if not all(path.exists() for path in written):
            return None
        return sum(path.stat().st_size for path in written)
