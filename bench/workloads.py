"""The workloads: batches as the API takes them."""

import json
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).parent / "workloads.json"


class Workload(NamedTuple):
    """A source and the jobs that are made of it."""

    source: str
    jobs: list[dict[str, Any]]

    def as_lossless(self) -> "Workload":
        """Give the same work with every output saved losslessly, to be compared."""
        return Workload(
            self.source, [job | {"destination": f"{job['destination']}.png"} for job in self.jobs]
        )


def load() -> dict[str, Workload]:
    """Read `workloads.json`: W1, W1x, W2 … W8."""
    raw = json.loads(FILE.read_text())
    return {
        name: Workload(each["source"], each["jobs"])
        for name, each in raw.items()
        if name != "about"
    }
