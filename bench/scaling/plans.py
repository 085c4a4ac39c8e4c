"""Installations for a rate: cells, their cores, and what a simulation says of them."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from bench.scaling.network import Result, Station, Visit, simulate

CAPACITY = Path(__file__).parents[1] / "results" / "capacity.json"
FULL = 0.65  # the use of every part that is planned for
POSTGRES_CORES = 8  # of one Postgres at most: what one machine is taken to have for it
RATES = (100, 1_000, 10_000, 100_000)
JOBS = 20_000  # that are simulated
WARM = 0.1  # of the time, that does not count
REGION_MS = 80.0  # a round trip to a bucket in another region
FETCHES = 4  # round trips of a batch with three results: one source, three stores
API, POSTGRES, VALKEY, WORKER, DELAY = "api", "postgres", "valkey", "worker", "delay"
LATE_SECONDS = 1.0
ACCEPTED, ENDED = 2, 7  # visits after which it is so


class Costs(Struct, frozen=True, kw_only=True):
    """Milliseconds of CPU that a batch takes of each part, and of a commit by the clock."""

    api: float
    postgres_intake: float
    postgres_work: float
    valkey: float
    worker: float
    commit: float

    @property
    def all(self) -> float:
        """CPU milliseconds of all parts together."""
        return self.api + self.postgres_intake + self.postgres_work + self.valkey + self.worker


class Plan(Struct, frozen=True, kw_only=True):
    """Cells that are all alike, and the cores of one."""

    rate: int
    cells: int
    api: int
    postgres: int
    worker: int

    @property
    def cores(self) -> int:
        """Cores of all cells; Valkey has one in each."""
        return self.cells * (self.api + self.postgres + self.worker + 1)


def read_costs(path: Path = CAPACITY) -> Costs:
    """Read what was measured."""
    told = json.loads(path.read_text())
    intake, work = told["intake"], told["work"]
    return Costs(
        api=intake["api_ms"],
        postgres_intake=intake["postgres_ms"],
        postgres_work=work["postgres_ms"],
        valkey=intake["valkey_ms"] + work["valkey_ms"],
        worker=work["children_ms"] + work["worker_ms"],
        commit=told["commit_ms"],
    )


def plan(rate: int, costs: Costs) -> Plan:
    """Lay out cells so that no part is used for more than FULL."""

    def cores(milliseconds: float) -> float:
        return rate * milliseconds / 1000 / FULL

    postgres = costs.postgres_intake + costs.postgres_work
    cells = max(1, math.ceil(cores(postgres) / POSTGRES_CORES), math.ceil(cores(costs.valkey)))
    return Plan(
        rate=rate, cells=cells, api=math.ceil(cores(costs.api) / cells),
        postgres=math.ceil(cores(postgres) / cells), worker=math.ceil(cores(costs.worker) / cells),
    )  # fmt: skip


def visits(costs: Costs, away: float = 0.0) -> list[Visit]:
    """Return the way of a batch; `away` are milliseconds that it waits for buckets elsewhere."""
    return [
        Visit(API, costs.api / 1000),
        Visit(POSTGRES, costs.postgres_intake / 1000),
        Visit(DELAY, costs.commit / 1000, fixed=True),
        Visit(VALKEY, costs.valkey / 1000),
        Visit(POSTGRES, costs.postgres_work / 2000),
        Visit(DELAY, away / 1000, fixed=True),
        Visit(WORKER, costs.worker / 1000),
        Visit(POSTGRES, costs.postgres_work / 2000),
    ]


def run_cell(made: Plan, costs: Costs, *, seconds: float = 0, away: float = 0.0,
             closed: float = 0.0, seed: int = 1) -> Result:  # fmt: skip
    """Simulate one cell of a plan; its workers begin at `closed` seconds."""
    rate = made.rate / made.cells
    stations = {
        API: Station(made.api), POSTGRES: Station(made.postgres), VALKEY: Station(1),
        WORKER: Station(made.worker, opens=closed), DELAY: Station(0),
    }  # fmt: skip
    return simulate(stations, visits(costs, away), rate, seconds or JOBS / rate, seed)


def figures(made: Plan, costs: Costs, away: float = 0.0) -> dict[str, float]:
    """Return times in milliseconds and the use of the part that is used most."""
    result = run_cell(made, costs, away=away)
    skip = WARM * float(result.arrivals[-1])
    accepted, ended = (1000 * result.took(visit, skip=skip) for visit in (ACCEPTED, ENDED))
    return {
        "accepted_p50": float(np.percentile(accepted, 50)),
        "accepted_p99": float(np.percentile(accepted, 99)),
        "ended_p50": float(np.percentile(ended, 50)),
        "ended_p99": float(np.percentile(ended, 99)),
        "used": max(result.used.values()),
    }


def after_outage(made: Plan, costs: Costs, outage: float) -> dict[str, float]:
    """Return what becomes of a backlog, when no worker of a cell works for so many seconds."""
    result = run_cell(made, costs, seconds=8 * outage, closed=outage)
    took = result.took(ENDED)
    late = result.departures[:, ENDED][took > LATE_SECONDS]
    return {"oldest": float(took.max()), "over": float(late.max()) - outage if len(late) else 0.0}


def as_rows(costs: Costs) -> list[list[str]]:
    """Lay out the plans of all rates."""
    head = ["processes a second", "cells", "API", "Postgres", "worker", "all cores",
            "accepted p50, p99 ms", "ended p50, p99 ms", "busiest part"]  # fmt: skip
    rows = [head]
    for rate in RATES:
        made = plan(rate, costs)
        told = figures(made, costs)
        rows.append([
            f"{rate:,}", str(made.cells), str(made.api), str(made.postgres), str(made.worker),
            f"{made.cores:,}", f"{told['accepted_p50']:.1f}, {told['accepted_p99']:.1f}",
            f"{told['ended_p50']:.0f}, {told['ended_p99']:.0f}", f"{told['used']:.0%}",
        ])  # fmt: skip
    return rows


def summary(costs: Costs, told: Mapping[str, Any]) -> list[str]:
    """Return the sentences that go with the table."""
    made = plan(10_000, costs)
    near, far = figures(made, costs), figures(made, costs, away=FETCHES * REGION_MS)
    rate = made.rate // made.cells
    outage = after_outage(plan(100, costs), costs, 20.0)
    intake, work = told["intake"], told["work"]
    postgres = costs.postgres_intake + costs.postgres_work
    calls = (intake["valkey_calls"] + work["valkey_calls"]) / costs.valkey * 1000
    statements = (intake["transactions"] + work["transactions"]) / postgres * 1000
    return [
        f"Measured {told['measured_at'][:10]} for {told['workload']}: {costs.all:.2f} ms CPU a "
        f"batch. A core carries {1000 / costs.api:,.0f} requests a second of an API, "
        f"{1000 / postgres:,.0f} processes of Postgres ({statements:,.0f} transactions), "
        f"{1000 / costs.valkey:,.0f} processes of Valkey ({calls:,.0f} calls), "
        f"{1000 / costs.worker:,.0f} batches of a worker.",
        f"At 10,000 a second a cell takes {rate:,}. With its buckets in another region "
        f"({FETCHES} round trips of {REGION_MS:.0f} ms) a batch ends after "
        f"{far['ended_p50']:.0f} ms (p50) instead of {near['ended_p50']:.0f}, and needs no more "
        "cores.",
        "When all workers of an installation for 100 a second are away for 20 s, the oldest "
        f"process is {outage['oldest']:.0f} s old at its end, and {outage['over']:.0f} s after "
        "they are back nothing takes longer than a second any more.",
    ]
