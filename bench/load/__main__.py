"""Drives a whole installation with batches, and tells what it carries: `make load`.

    make load                                        closed loop: 1, 4, 16, 64 clients
    make load LOAD="--rate 50,100,150"               open loop: so many batches a second are due
    make load LOAD="--rate 5,10 --workload W3 --seconds 60 --plot load.svg"
    make load LOAD="--clients 32 --workers 2 --slots 1 --processes 2"

An installation is started for it in a temporary folder: Postgres, which commits with fsync, Valkey,
a storage that is a folder, the API and the workers. All of it and this caller share the machine,
so look at what else runs there, and at the CPU of the caller.

- Open loop: batches are due at random times (Poisson, seeded), and are sent then whether the ones
  before have ended or not. Times count from when a batch was due. This is what many callers do,
  and it shows what happens beyond what is carried: the queue grows for as long as the step lasts.
- Closed loop: each client sends the next batch when its last has ended. It never overloads; the
  rate of the last steps, which no longer grows, is what is carried.

accepted: the answer 200, that is, the commit in Postgres. FINISHED: the end as the record tells it.
callback: its arrival, with --callbacks, by which a client then knows the end; without, it asks the
records every 20 ms. `waiting` have not ended when the last of a step was sent; an open step where
these are more than a tenth of the accepted ones is `saturated` (so let a step last much longer
than a batch). `left` had not even ended --drain seconds later, which ends the run; times are then
those of the batches that did end, and what the others cost is counted with theirs.

docs/performance.md describes the workloads W1 to W11, docs/scaling.md how to use this.
"""

import argparse
import gc
import json
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from bench import machine, sources, workloads
from bench.console import say, show
from bench.load.figures import figures
from bench.load.report import as_drawing, as_text
from bench.load.steps import Load, Loop, prepare, run_step
from bench.service.stack import run_stack

RESULT = Path(__file__).parents[1] / "results" / "load.json"
CLIENTS = [1, 4, 16, 64]


def read(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; ends the program with what is wrong with it."""
    words = argparse.ArgumentParser(
        prog="bench.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    loop = words.add_mutually_exclusive_group()
    loop.add_argument("--rate", type=_levels, metavar="N,…",
                      help="open loop: batches a second that are due, a step for each")  # fmt: skip
    loop.add_argument("--clients", type=_levels, metavar="N,…",
                      help="closed loop: clients, a step for each (1,4,16,64)")  # fmt: skip
    words.add_argument("--workload", default="W9", choices=list(workloads.load()), metavar="NAME",
                       help="what each batch is (W9: three small thumbnails)")  # fmt: skip
    words.add_argument("--seconds", type=_positive, default=10.0,
                       help="for how long batches are sent in each step (10)")  # fmt: skip
    words.add_argument("--drain", type=_positive, default=120.0,
                       help="how long the batches of a step may take after that (120)")  # fmt: skip
    words.add_argument("--workers", type=_count, default=1,
                       help="worker processes, each with slots of its own (1)")  # fmt: skip
    words.add_argument("--slots", type=_count,
                       help="slots of each worker (one for each core)")  # fmt: skip
    words.add_argument("--processes", type=_count, default=1,
                       help="processes of the API, on one port (1)")  # fmt: skip
    words.add_argument("--callbacks", action="store_true", help="let every batch have a callback")
    words.add_argument("--seed", type=int, default=1, help="of the times of an open loop (1)")
    words.add_argument("--json", type=Path, default=RESULT, metavar="FILE",
                       help="where all figures go (bench/results/load.json)")  # fmt: skip
    words.add_argument("--plot", type=Path, metavar="FILE.svg",
                       help="draw times, rates and costs, of two steps or more")  # fmt: skip
    asked = words.parse_args(arguments)
    asked.clients = None if asked.rate else asked.clients or CLIENTS
    if asked.plot and len(set(levels := asked.rate or asked.clients)) < 2:
        words.error(f"--plot needs two steps that differ, got {levels}")
    return asked


def _levels(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]


def _count(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def _positive(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds above 0, got {text!r}")
    return seconds


async def take(asked: argparse.Namespace, loop: Loop) -> list[dict[str, Any]]:
    """Start an installation, and take the figures of all steps."""
    workload = workloads.load()[asked.workload]
    sources.make(sources.SOURCES, workload.source, *workload.inputs())
    load = Load(
        workload=workload, loop=loop, seconds=asked.seconds, drain=asked.drain,
        callbacks=asked.callbacks, seed=asked.seed,
    )  # fmt: skip
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="darkroom-load-") as scratch:
        options = {"workers": asked.workers, "processes": asked.processes, "slots": asked.slots}
        async with run_stack(
            Path(scratch) / "stack", **{name: given for name, given in options.items() if given}
        ) as stack:
            await prepare(stack, workload)
            for level in asked.rate or asked.clients:
                say(f"{level} {'batches a second' if asked.rate else 'clients'}")
                found.append(figures(await run_step(stack, load, level)))
                if found[-1]["left"]:
                    say(f"{found[-1]['left']} batches had not ended after {asked.drain:g} s: done")
                    break
    return found


def main() -> None:
    """Read the command line, load, show, keep, draw."""
    asked = read()
    loop: Loop = "open" if asked.rate else "closed"
    gc.disable()  # what waits is all alive: looking for garbage among it takes a tenth of a second
    steps = uvloop.run(take(asked, loop))
    given = {name: value for name, value in vars(asked).items() if name not in ("json", "plot")}
    result = {"machine": machine.describe(), "asked": given, "steps": steps}
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(result, indent=1) + "\n")
    if asked.plot and len(steps) > 1:
        asked.plot.write_text(as_drawing(steps, loop))
    show(as_text(steps, loop))


if __name__ == "__main__":
    main()
