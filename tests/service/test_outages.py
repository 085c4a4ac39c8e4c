"""An outage is told once when it begins and once when it ends."""

from structlog.testing import capture_logs

from service.outages import STEADY_SECONDS, Outages
from tests.service.harness.clock import Clock


def test_an_outage_is_two_lines_however_often_it_is_met() -> None:
    clock = Clock()
    outages = Outages(clock)
    with capture_logs() as lines:
        outages.worked("redis")
        for _ in range(100):
            outages.failed("redis", ConnectionError("refused"))
            outages.worked("redis")  # some other part of it, perhaps
            clock.now += 0.1
        outages.failed("postgres", "gone")
        clock.now += STEADY_SECONDS
        outages.worked("redis")
        outages.worked("redis")
    told = [(line["event"], line["dependency"]) for line in lines]
    assert told == [
        ("dependency_unavailable", "redis"),
        ("dependency_unavailable", "postgres"),
        ("dependency_available", "redis"),
    ]
    assert lines[0]["error"] == "ConnectionError: refused"
    assert (lines[2]["seconds"], lines[2]["failures"]) == (12.0, 100)
