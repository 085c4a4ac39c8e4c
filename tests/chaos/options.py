"""How large and how violent a run is."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """A run of so many processes in so many minutes, with all its faults from one seed."""

    processes: int
    kills: int
    seed: int
    minutes: float
    storage: str = "folder"
    apis: int = 2
    workers: int = 3
    lease_seconds: float = 30.0
    wipes: int = 1
    postgres_kills: int = 1
    hangs: int = 1
    outages: int = 1
    rollings: int = 1
    durable: bool = True
    settle_seconds: float = 300.0
    """How long after the last fault everything may take to come to its end."""

    stall_seconds: float = 180.0
    """How long anything may come no further, be it a start, posts or callbacks."""

    recovery_seconds: float = 10.0
    """How long after its lease what a killed worker held may lie still, in 99 of 100 cases."""

    @property
    def seconds(self) -> float:
        """How long faults go on."""
        return 60 * self.minutes
