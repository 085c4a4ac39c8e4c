"""Unit tests of the alerts, run by promtool: a healthy installation, and what is bad in others.

    python -m tests.observe.unit FOLDER [--each]

Something is bad for half an hour. Its alert fires then, not before, and not an hour later unless
its window is longer. With --each every alert has an installation of its own, which takes a minute.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.observe.rules import PROMETHEUS, PROMTOOL, alerts

API = 'job="darkroom-api",instance="a"'
WORKER = 'job="darkroom-worker",instance="w"'
LONG = {"DarkroomErrorBudgetBurnSlow", "DarkroomWaitBudgetBurnSlow"}  # their windows are days
BEFORE, BAD, AFTER = 29, 64, 130  # minutes: it is bad from 30 to 65
FEW_COLLECTIONS = {"GOGC": "400"}  # of garbage: a fifth less of the processor
APART = (
    ("DarkroomReconcilerBusy", "DarkroomCallbacksUnsent", "DarkroomSlotsDown"),
    ("DarkroomSlotsSaturated",),
)
"""What would not be bad beside what is bad in the others."""

Series = Mapping[str, str]


def api(name: str, labels: str = "") -> str:
    return f"darkroom_{name}{{{API}{labels and ',' + labels}}}"


def worker(name: str, labels: str = "") -> str:
    return f"darkroom_{name}{{{WORKER}{labels and ',' + labels}}}"


def level(usual: float, bad: float) -> str:
    """Return a gauge that has another value for a while."""
    return f"{usual}x29 {bad}x35 {usual}x70"


def counter(usual: float, bad: float) -> str:
    """Return a counter that grows by so much a minute, and by another amount for a while."""
    turn, back = 30 * usual, 30 * usual + 36 * bad
    return f"0+{usual}x29 {turn}+{bad}x35 {back}+{usual}x70"


GONE = "1x29 stale _x34 1x70"
ANSWERS = api("http_requests_total", 'method="POST",route="/request",status="200"')
FAILURES = api("http_requests_total", 'method="POST",route="/request",status="503"')
OLDEST = api("queue_oldest_age_seconds", 'state="QUEUED"')
STATEMENTS = "db_query_duration_seconds_bucket"
WAITS = "db_pool_wait_seconds_bucket"

HEALTHY: Series = {
    f"up{{{API}}}": "1x140",
    f"up{{{WORKER}}}": "1x140",
    f"process_start_time_seconds{{{API}}}": "5x140",
    f"process_start_time_seconds{{{WORKER}}}": "5x140",
    api("build_info", 'version="1",libvips="8"'): "1x140",
    worker("build_info", 'version="1",libvips="8"'): "1x140",
    ANSWERS: "0+600x140",
    FAILURES: "0x140",
    api("processes_accepted_total", 'priority="normal"'): "0+600x140",
    api("queue_depth", 'state="QUEUED"'): "5x140",
    OLDEST: "2x140",
    worker("queue_wait_seconds_bucket", 'priority="normal",le="60.0"'): "0+600x140",
    worker("queue_wait_seconds_count", 'priority="normal"'): "0+600x140",
    worker("jobs_total", 'outcome="DONE",error_code=""'): "0+600x140",
    worker("jobs_total", 'outcome="FAILED",error_code="source_not_found"'): "0+60x140",
    worker("worker_slots"): "4x140",
    worker("worker_slots_busy"): "2x140",
    worker("worker_slots_free"): "2x140",
    worker("worker_heartbeat_timestamp_seconds"): "0+60x140",
    worker("leases_expired_total"): "0x140",
    worker("quarantined_total"): "0x140",
    worker("reconciled_total", 'reason="process"'): "0x140",
    worker("reconciled_total", 'reason="callback"'): "0+1x140",
    worker("child_exits_total", 'reason="crashed"'): "0x140",
    worker("child_exits_total", 'reason="recycled"'): "0+60x140",
    worker("sandbox_protection", 'protection="seccomp"'): "1x140",
    worker("task_restarts_total", 'task="heartbeat"'): "0x140",
    api("callback_oldest_age_seconds"): "30x140",
    worker("callback_attempts_total", 'result="delivered"'): "0+60x140",
    worker("callback_attempts_total", 'result="failed"'): "0+6x140",
    worker("callback_attempts_total", 'result="exhausted"'): "0x140",
    worker("callback_deferred_total", 'reason="circuit_open"'): "0x140",
    api("db_up"): "1x140",
    api("redis_up"): "1x140",
    api("redis_reconnects_total"): "0x140",
    api(STATEMENTS, 'query="record",le="0.5"'): "0+600x140",
    api(STATEMENTS, 'query="record",le="1.0"'): "0+600x140",
    api(STATEMENTS, 'query="record",le="+Inf"'): "0+600x140",
    api(WAITS, 'pool="main",le="0.25"'): "0+600x140",
    api(WAITS, 'pool="main",le="0.5"'): "0+600x140",
    api(WAITS, 'pool="main",le="+Inf"'): "0+600x140",
    worker("storage_requests_total", 'op="fetch",status="ok"'): "0+600x140",
    worker("storage_requests_total", 'op="fetch",status="storage_unavailable"'): "0x140",
}

BAD_ONES: Mapping[str, Series] = {
    "DarkroomErrorBudgetBurnFast": {FAILURES: counter(0, 60)},
    "DarkroomErrorBudgetBurnSlow": {FAILURES: counter(0, 60)},
    "DarkroomWaitBudgetBurnFast": {
        worker("queue_wait_seconds_bucket", 'priority="normal",le="60.0"'): counter(600, 60)
    },
    "DarkroomWaitBudgetBurnSlow": {
        worker("queue_wait_seconds_bucket", 'priority="normal",le="60.0"'): counter(600, 60)
    },
    "DarkroomJobsFailing": {
        worker("jobs_total", 'outcome="FAILED",error_code="internal"'): counter(0, 60)
    },
    "DarkroomNoApi": {api("processes_accepted_total", 'priority="normal"'): GONE},
    "DarkroomNoWorker": {worker("worker_slots"): GONE},
    "DarkroomTargetDown": {f"up{{{WORKER}}}": level(1, 0)},
    "DarkroomRestarting": {f"process_start_time_seconds{{{WORKER}}}": "5x29 60+60x35 2220x70"},
    "DarkroomTaskFailing": {worker("task_restarts_total", 'task="heartbeat"'): counter(0, 1)},
    "DarkroomVersionsDiffer": {worker("build_info", 'version="2",libvips="8"'): "1x65 stale _x70"},
    "DarkroomQueueOld": {OLDEST: level(2, 400)},
    "DarkroomQueueUnknown": {api("queue_depth", 'state="QUEUED"'): GONE},
    "DarkroomLeasesExpiring": {worker("leases_expired_total"): counter(0, 1)},
    "DarkroomReconcilerBusy": {worker("reconciled_total", 'reason="process"'): counter(0, 60)},
    "DarkroomSlotsSaturated": {worker("worker_slots_busy"): level(2, 4), OLDEST: level(2, 90)},
    "DarkroomSlotsDown": {worker("worker_slots_free"): level(2, 1)},
    "DarkroomChildrenDying": {worker("child_exits_total", 'reason="crashed"'): counter(0, 1)},
    "DarkroomQuarantined": {worker("quarantined_total"): counter(0, 0.1)},
    "DarkroomSandboxWeak": {worker("sandbox_protection", 'protection="seccomp"'): level(1, 0)},
    "DarkroomCallbacksUnsent": {
        worker("callback_attempts_total", 'result="delivered"'): counter(60, 0),
        worker("callback_attempts_total", 'result="failed"'): counter(6, 0),
        worker("reconciled_total", 'reason="callback"'): counter(1, 60),
    },
    "DarkroomCallbacksFailing": {
        worker("callback_attempts_total", 'result="failed"'): counter(6, 600)
    },
    "DarkroomCallbacksGivenUp": {
        worker("callback_attempts_total", 'result="exhausted"'): counter(0, 0.1)
    },
    "DarkroomCallbacksOld": {api("callback_oldest_age_seconds"): level(30, 30_000)},
    "DarkroomDatabaseDown": {api("db_up"): level(1, 0)},
    "DarkroomDatabaseSlow": {api(STATEMENTS, 'query="record",le="0.5"'): counter(600, 60)},
    "DarkroomDatabasePoolFull": {api(WAITS, 'pool="main",le="0.25"'): counter(600, 60)},
    "DarkroomRedisDown": {api("redis_up"): level(1, 0)},
    "DarkroomRedisFlapping": {api("redis_reconnects_total"): counter(0, 1)},
    "DarkroomStorageFailing": {
        worker("storage_requests_total", 'op="fetch",status="storage_unavailable"'): counter(0, 600)
    },
}


def document(*, each: bool) -> dict[str, Any]:
    """Return all of it as promtool reads it."""
    names = [alert.name for alert in alerts()]
    assert BAD_ONES.keys() == set(names)
    together = [name for name in names if not any(name in apart for apart in APART)]
    groups = [(name,) for name in names] if each else [together, *APART]
    firing = 'ALERTS{alertstate="firing"}'
    healthy = [(minute, firing, 0) for minute in (BEFORE, BAD, AFTER)]
    files = [str(PROMETHEUS / name) for name in ("records.yml", "alerts.yml")]
    return {
        "rule_files": files,
        "evaluation_interval": "1m",
        "tests": [_case("healthy", {}, healthy), *map(_bad_case, groups)],
    }


def _bad_case(names: Sequence[str]) -> dict[str, Any]:
    series: dict[str, str] = {}
    expected = []
    for name in names:
        series |= BAD_ONES[name]
        firing = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
        expected += [(BEFORE, firing, 0), (BAD, firing, 1)]
        expected += [] if name in LONG else [(AFTER, firing, 0)]
    return _case(", ".join(names), series, expected)


def _case(name: str, series: Series, expected: Sequence[tuple[int, str, int]]) -> dict[str, Any]:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {"series": each, "values": values} for each, values in {**HEALTHY, **series}.items()
        ],
        "promql_expr_test": [
            {
                "expr": f"(count({firing}) > bool 0) or vector(0)",
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": "{}", "value": value}],
            }
            for minute, firing, value in expected
        ],
    }


def main(folder: Path, *, each: bool) -> int:
    """Write the tests into a folder and run them."""
    path = folder / "alerts.test.yml"
    path.write_text(yaml.safe_dump(document(each=each), sort_keys=False))
    return subprocess.run(
        [PROMTOOL, "test", "rules", path],
        check=False,
        env=os.environ | FEW_COLLECTIONS,
    ).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), each="--each" in sys.argv))
