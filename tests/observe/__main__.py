"""Make everything happen that an alert is about, before the eyes of a real Prometheus.

    make observe
    make observe OBSERVE="--only redis"
    make observe OBSERVE=--resume

A whole installation under a little load is scraped every second by Prometheus, with the rules of
deploy/prometheus made sixty times as fast. Each fault of `faults.py` is caused until its alerts
fire, and ended until they have resolved. Then every panel must have had data. Takes ten minutes
where nothing else runs, and --minutes at most; what was seen is in --record, and --resume goes on
from there.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from tests.observe import unit
from tests.observe.faults import FAULTS
from tests.observe.installation import installed
from tests.observe.progress import Progress, load_progress, say
from tests.observe.rules import PROMTOOL, ROOT, alerts
from tests.observe.stranger import visiting
from tests.observe.watch import Watch, loaded

RECORD = ROOT / ".darkroom" / "observe.json"


async def observe(directory: Path, progress: Progress, given: argparse.Namespace) -> None:
    """Cause all faults whose names contain what is asked for."""
    faults = [fault for fault in FAULTS if given.only in fault.trouble.__name__]
    async with (
        visiting() as stranger,
        installed(directory, stranger) as it,
        loaded(it),
    ):
        watch = Watch(it, progress, given.record, 60 * given.minutes)
        await watch.see_health()
        for number, fault in enumerate(faults, 1):
            await watch.see(fault, f"{number}/{len(faults)}")
        await watch.see_the_end()


def main() -> int:
    """Run it, and tell."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--only", default="", help="faults whose name contains this")
    parser.add_argument("--resume", action="store_true", help="go on from what --record has")
    parser.add_argument("--record", type=Path, default=RECORD, metavar="FILE",
                        help="where to note what was seen (.darkroom/observe.json)")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=40, help="end after so many (40)")
    given = parser.parse_args()
    if not PROMTOOL.exists():
        say("Prometheus is not available: `make prometheus` says why")
        return 2
    assert {name for fault in FAULTS for name in fault.alerts} == {rule.name for rule in alerts()}
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # it is bound to lose its Postgres
    progress = load_progress(given.record) if given.resume else Progress()
    with tempfile.TemporaryDirectory() as folder:
        first = not (given.only or given.resume)
        if first and unit.main(Path(folder), each=True):
            return 1
        asyncio.run(observe(Path(folder), progress, given))
    lacking = [] if given.only else progress.lacking
    for each in lacking:
        say(f"LACKING  {each}")
    say(f"{progress.line()}; {len(lacking)} lacking")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
