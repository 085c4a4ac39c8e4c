"""Measures memory: each batch in a process of its own, forked from one that did no work.

    python -m tests.engine.memory.measure < cases

A case is a line of JSON, and so is each answer. The process that forks has only imported the
engine, so every child begins with the same small heap and with all of libvips before it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from engine import Batch, Output, Source, input_keys, parse_batch, render
from service.sandbox.child.memory import Memory

ROOT = Path(__file__).parents[3]
ONE_THREAD = {"VIPS_CONCURRENCY": "1"}


class Case(Struct, frozen=True):
    """A batch to carry out: its source's file, its jobs as sent, watermarks' files by key."""

    source: str
    jobs: list[dict[str, Any]]
    inputs: dict[str, str] = {}

    @property
    def batch(self) -> Batch:
        """The jobs, parsed."""
        return parse_batch(json.dumps({"source": "source", "jobs": self.jobs}).encode())


def measure(cases: Iterable[Case]) -> list[int]:
    """Carry out each case and give the bytes by which its process grew at most."""
    lines = b"".join(msgspec.json.encode(case) + b"\n" for case in cases)
    command = [sys.executable, "-m", __name__]
    environment = os.environ | ONE_THREAD
    done = subprocess.run(
        command, input=lines, stdout=subprocess.PIPE, check=True, cwd=ROOT, env=environment
    )
    return list(map(int, done.stdout.split()))


def grown_by(case: Case) -> int:
    """Carry a case out here. The files' own bytes are there before."""
    batch = case.batch
    inputs = {key: _read(case.inputs[key]) for key in input_keys(batch.jobs)}
    source, memory = _read(case.source), Memory()
    memory.reset_peak()
    _, before = memory.measure()
    for _, result in render(source, batch.jobs, inputs=inputs):
        if not isinstance(result, Output):
            raise result
    peak, _ = memory.measure()
    return peak - before


def _read(path: str) -> Source:
    return Source.from_bytes(Path(path).read_bytes())


def _apart(case: Case) -> None:
    """Carry a case out in a child, which answers."""
    child = os.fork()
    if child == 0:
        os.write(sys.stdout.fileno(), b"%d\n" % grown_by(case))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(f"a child failed: {case}")


if __name__ == "__main__":
    for line in sys.stdin.buffer:
        _apart(msgspec.json.decode(line, type=Case))
