r"""Measures the service around the engine: `make bench-service`.

Every figure is a ratio or a time on this machine in this run; what is compared is interleaved.

- batches: CPU a batch of every part and batches a second, through the whole service, beside
  rendering children with nothing around them, the limit, another checkout (`--before`) and
  other servers that are found running (`--http imgproxy=http://127.0.0.1:8081/…{width}…`)
- callbacks: the same with a callback of every batch, to a receiver that answers at once
- wait: milliseconds from a process's record to its claim, on an idle queue
- lone: milliseconds from a POST to its callback, one batch at a time
- memory: MiB of a child after small batches: resident, its share of what it shares, its own
- intake: POST /request a second, each recorded with fsync, over a bare aiohttp handler

Another server is given the folder `bench/sources` and no cache, is started by hand, and is asked
for every output by its own URL, in the same run and in turn with the service:

    IMGPROXY_BIND=127.0.0.1:8081 IMGPROXY_LOCAL_FILESYSTEM_ROOT=$PWD/bench/sources imgproxy
    thumbor --ip 127.0.0.1 --port 8082 --processes 2 --conf thumbor.conf

where thumbor.conf says

    LOADER = "thumbor.loaders.file_loader"
    FILE_LOADER_ROOT_PATH = "bench/sources"
    STORAGE = "thumbor.storages.no_storage"
    ALLOW_UNSAFE_URL = True

and then

    python -m bench.service --figures batches,lone --only W1,web,W3 \
      --http 'imgproxy=http://127.0.0.1:8081/unsafe/rs:fit:{width}/q:{quality}/plain/local:///{source}' \
      --http 'thumbor=http://127.0.0.1:8082/unsafe/{width}x0/filters:quality({quality})/{source}'

It may not keep results, for then it would be asked for nothing. All processes below the one that
listens are counted. Batches of anything but plain widths (W8) are not asked for.
"""  # noqa: E501 - a URL is one word

import argparse
import asyncio
import json
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench import sources, workloads
from bench.console import say, show
from bench.service.batches import PARTS, measure
from bench.service.idle import measure_lone, measure_wait
from bench.service.intake import measure_intake
from bench.service.memory import measure_memory
from bench.service.receiver import receiving
from bench.service.rivals import Rival
from bench.service.stack import Stack, run_stack
from bench.workloads import Workload

RESULTS = Path(__file__).parents[1] / "results"
NOW, BEFORE = "service", "before"
FIGURES = ("batches", "callbacks", "wait", "lone", "memory", "intake")
COLUMNS = ("cpu", "rest", *PARTS, "rate")

SMALL = "W9"  # a small batch, for intake and for waits
WEB, WEB_SOURCE, WEB_WIDTHS = "web", "photo2.jpg", (800, 400, 200)  # of 0.3 MB
LONE = (WEB, "W3")


def known_workloads() -> dict[str, Workload]:
    """Return the engine's workloads, and three widths as a page asks for them."""
    jobs = [
        {
            "destination": f"web/{width}.jpg",
            "quality": 75,
            "transformations": [{"type": "resize", "width": width}],
        }
        for width in WEB_WIDTHS
    ]
    return workloads.load() | {WEB: Workload(WEB_SOURCE, jobs)}


async def take(asked: argparse.Namespace) -> dict[str, Any]:
    """Start what is to be measured, and take all figures."""
    known = known_workloads()
    sources.make()
    found: dict[str, Any] = {}
    async with AsyncExitStack() as running:
        scratch = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="darkroom-bench-")))
        stacks = {NOW: await running.enter_async_context(run_stack(scratch / NOW))}
        if asked.before:
            before = run_stack(scratch / BEFORE, asked.before)
            stacks[BEFORE] = await running.enter_async_context(before)
        if "wait" in asked.figures:
            found["wait"] = await each(stacks, lambda s: measure_wait(s, known[SMALL].source, 60))
        if "lone" in asked.figures:
            for name in LONE:
                workload = known[name]
                say(f"lone: {name}")
                found.setdefault("lone", {})[name] = await each(
                    stacks, lambda s, w=workload: measure_lone(s, w, 20)
                )
                for rival in asked.http:
                    times = [await rival.lone(workload) for _ in range(20)]
                    found["lone"][name][rival.name] = {"p50": sorted(times)[10] * 1000}
        url, _ = await running.enter_async_context(receiving())
        for figure, callback in (("batches", None), ("callbacks", url)):
            for name in asked.only if figure in asked.figures else ():
                say(f"{figure}: {name}")
                found.setdefault(figure, {})[name] = await measure(
                    known[name],
                    stacks,
                    asked.http if callback is None else (),
                    scratch=scratch / name,
                    rounds=asked.rounds,
                    say=say,
                    callback=callback,
                )
        if "memory" in asked.figures:
            found["memory"] = await measure_memory(sources.SOURCES, known[SMALL])
        if "intake" in asked.figures:
            found["intake"] = await each(
                stacks, lambda s: measure_intake(s, known[SMALL], asked.rounds, say)
            )
    return found


async def each(stacks: dict[str, Stack], take_one: Any) -> dict[str, dict[str, float]]:
    """Take a figure of each stack."""
    return {name: await take_one(stack) for name, stack in stacks.items()}


def report(found: dict[str, Any]) -> None:
    """Print everything."""
    tables = {f"{figure}, {name}": rows for figure in ("batches", "callbacks")
              for name, rows in found.pop(figure, {}).items()}  # fmt: skip
    for name, rows in tables.items():
        limit = rows["limit"]["cpu"]
        show(f"{name}: CPU ms a batch; batches a second. The limit is {limit:.2f} ms")
        show(f"  {'':10}" + "".join(f"{column:>10}" for column in (*COLUMNS, "× limit")))
        for who, row in rows.items():
            cells = [row.get(column) for column in COLUMNS] + [row["cpu"] / limit]
            show(f"  {who:10}" + "".join(f"{cell:10.2f}" if cell else f"{'':10}" for cell in cells))
        for who, row in rows.items():
            if who in (NOW, BEFORE):
                show(f"  {who} ÷ bare children: {row['rate'] / rows['bare']['rate']:.2f}")
    for figure, rows in found.items():
        show(f"{figure}:")
        for who, row in rows.items():
            show(f"  {who:24} " + json.dumps(row, default=float))


def main() -> None:
    """Read the command line, measure, show, keep."""
    words = argparse.ArgumentParser(
        prog="bench.service",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument(
        "--only",
        type=lambda names: names.split(","),
        default=["W9", "W10", "W3", "W8"],
        help=f"workloads of bench/workloads.json, and {WEB}: {WEB_WIDTHS} of {WEB_SOURCE}",
    )
    words.add_argument("--figures", type=lambda names: names.split(","), default=list(FIGURES))
    words.add_argument("--before", type=Path, help="another checkout, with its own `make setup`")
    words.add_argument(
        "--http", type=Rival.parse, action="append", default=[],
        metavar="NAME=URL", help="a server that runs, with {source} and {width} in its URL",
    )  # fmt: skip
    asked = words.parse_args()
    found = asyncio.run(take(asked))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "service.json").write_text(json.dumps(found, indent=1) + "\n")
    report(found)


if __name__ == "__main__":
    main()
