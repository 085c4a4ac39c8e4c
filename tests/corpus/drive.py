"""A folder of files, each tried in a process of its own, and the table that comes of it."""

import os
import select
import signal
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import msgspec

from tests.corpus.trial import DONE, Trial, tried

SECONDS = 120  # for one file with all its jobs
NEAR = 40.0  # dB
RATIOS = (1.0, 3.0)  # predicted memory to measured
FLOOR = 25_000_000  # bytes of a prediction up to which the libraries themselves take most of it


def files_in(folder: Path) -> list[Path]:
    """List the files, whatever they are called."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def trials(paths: Iterable[Path], at_once: int = 2) -> Iterator[Trial]:
    """Try files in forked processes, so that none can spoil another's memory or end them all."""
    waiting, running = iter(paths), dict[int, tuple[int, Path]]()
    while True:
        while len(running) < at_once and (path := next(waiting, None)) is not None:
            pid, pipe = _forked(path)
            running[pipe] = pid, path
        if not running:
            return
        ready, _, _ = select.select(list(running), [], [])
        for pipe in ready:
            pid, path = running.pop(pipe)
            yield _collected(pid, pipe, path)


def _forked(path: Path) -> tuple[int, int]:
    pipe, end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(pipe)
        signal.alarm(SECONDS)
        with os.fdopen(end, "wb") as out:
            out.write(msgspec.json.encode(_tried(path)))
        os._exit(0)
    os.close(end)
    return pid, pipe


def _tried(path: Path) -> Trial:
    try:
        return tried(path)
    except BaseException:
        return Trial(file=path.name, broken=traceback.format_exc(limit=-4))


def _collected(pid: int, pipe: int, path: Path) -> Trial:
    with os.fdopen(pipe, "rb") as answer:
        told = answer.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return Trial(file=path.name, broken=f"ended by signal {os.WTERMSIG(status)}")
    if status or not told:
        return Trial(file=path.name, broken="said nothing")
    return msgspec.json.decode(told, type=Trial)


class Findings:
    """What became of all files."""

    def __init__(self, found: Iterable[Trial]) -> None:
        self.trials = list(found)

    @property
    def broken(self) -> list[Trial]:
        """Those that raised, crashed, hung or failed without a reason."""
        return [each for each in self.trials if each.broken or each.internal]

    @property
    def reordered(self) -> list[Trial]:
        """Those whose jobs came out otherwise in another order."""
        return [each for each in self.trials if each.reordered]

    @property
    def different(self) -> list[Trial]:
        """Those that are not near what others make of them, the farthest first."""
        far = [each for each in self.trials if each.decibels is not None and each.decibels < NEAR]
        return sorted(far, key=lambda each: each.decibels or 0)

    @property
    def mispredicted(self) -> list[Trial]:
        """Those whose memory was not predicted to 1 to 3 times, those of a few MB left out."""
        told = [each for each in self.trials if each.ratio is not None and each.predicted > FLOOR]
        return [each for each in told if not RATIOS[0] <= (each.ratio or 0) <= RATIOS[1]]

    def summary(self) -> Iterator[str]:
        """Say it in lines."""
        yield f"{len(self.trials)} files"
        for code, count in Counter(each.plain for each in self.trials).most_common():
            yield f"  {count:6} {code or 'broken'}"
        compared = [each for each in self.trials if each.decibels is not None]
        yield f"  {len(compared)} compared, {len(self.different)} below {NEAR:g} dB"
        for each in self.different:
            yield f"  DIFFERENT {each.decibels:5.1f} dB {each.shapes} {each.file}: {each.facts}"
        refused = (each for each in self.trials if each.plain not in {DONE, ""})
        for each in sorted(refused, key=lambda each: (each.plain, each.message)):
            yield f"  REFUSED {each.plain} {each.file}: {each.message}"
        for each in self.mispredicted:
            yield f"  PREDICTED {each.ratio:.2f} {each.file}: {each.facts}"
        for each in self.reordered:
            yield f"  ORDER {each.file}: {each.outcomes} but {each.reordered}"
        for each in self.broken:
            yield f"  BROKEN {each.file}: {each.broken or each.outcomes}"


def main(folder: Path, at_once: int) -> int:
    """Try a folder, with the slowest files named as they come; 1 if something broke."""
    paths = files_in(folder)
    found = []
    for count, each in enumerate(trials(paths, at_once), 1):
        found.append(each)
        if each.broken or each.seconds > 10:
            click.echo(f"{count} of {len(paths)}: {each.file} {each.seconds:.0f} s {each.broken}")
    findings = Findings(found)
    click.echo("\n".join(findings.summary()))
    return int(bool(findings.broken or findings.reordered))
