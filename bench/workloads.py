"""The workloads: batches as the API takes them."""

import json
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).parent / "workloads.json"


class Workload(NamedTuple):
    """A source and the jobs that are made of it."""

    source: str
    jobs: list[dict[str, Any]]

    def inputs(self) -> set[str]:
        """Return the watermarks that its jobs read."""
        steps = [step for job in self.jobs for step in job["transformations"]]
        return {step["source"] for step in steps if step["type"] == "watermark"}

    def as_lossless(self) -> "Workload":
        """Return the same work with every output saved losslessly, to be compared."""
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
