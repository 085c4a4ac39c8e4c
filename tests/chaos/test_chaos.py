"""A short run with a fault of every kind, and that the oracle sees what is not as it should be."""

import hashlib
from pathlib import Path

from tests.chaos.batches import BATCHES
from tests.chaos.faults import plan
from tests.chaos.options import Options
from tests.chaos.oracle import Verdict
from tests.chaos.recovery import Recovery
from tests.chaos.run import Report, run_chaos

SHORT = Options(
    processes=40, kills=6, seed=1, minutes=0.1, apis=2, workers=2, lease_seconds=1.0,
    durable=False, settle_seconds=60, recovery_seconds=60,
)  # fmt: skip


async def test_every_promise_holds_when_everything_fails_once(tmp_path: Path) -> None:
    told: list[str] = []
    report = await run_chaos(tmp_path, SHORT, told.append)
    assert not report.failed, "\n".join(report.lines())
    verdict = report.verdict
    assert (verdict.accepted, verdict.final, verdict.callbacks) == (40, 40, 40)
    assert sum(report.faults.values()) >= len(plan(SHORT)) / 2
    assert any("accepted" in line for line in told)


def test_a_seed_gives_the_same_faults_again() -> None:
    assert plan(SHORT) == plan(SHORT)
    assert {fault.kind.split()[0] for fault in plan(SHORT)} == {
        "kill", "stop", "wipe", "storage", "disk", "rolling",
    }  # fmt: skip


def test_a_recovery_that_takes_too_long_is_a_breach() -> None:
    recovery = Recovery("")
    report = Report(Verdict(), {}, recovery, dirty_exits=0, longest=40.0, stalled="")
    recovery.seconds = [30.8] * 50
    assert not report.failed
    recovery.seconds.append(40.1)
    assert report.failed


def test_what_is_expected_is_made_by_the_engine_alone() -> None:
    found = [each for batch in BATCHES for each in batch.expected()]
    digest = hashlib.sha256().digest_size * 2
    assert {len(each) == digest for each in found} == {True, False}
    assert {"source_not_found", "unsupported_format"} <= set(found)
