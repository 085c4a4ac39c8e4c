"""What `make load` reports is what was sent and what came back; nothing is measured here."""

import asyncio
import re
from typing import Any

import pytest

from bench.load.__main__ import read
from bench.load.arrivals import closed_loop, open_loop, poisson
from bench.load.caller import Batch
from bench.load.figures import figures, percentiles
from bench.load.report import PARTS, as_drawing, as_text
from bench.load.steps import CALLER, Step


def step(level: int, *, batches: int, waiting: int = 0) -> dict[str, Any]:
    """A step of ten seconds in which each batch took 125 ms, and two were refused."""
    sent = [Batch(at, sent=at, id=str(at), accepted=at + 1 / 64, finished=at + 1 / 8)
            for at in (index * 10 / batches for index in range(batches))]  # fmt: skip
    refused = [Batch(1, sent=1, refused="429"), Batch(2, sent=2, refused="503")]
    cpu = dict.fromkeys([*PARTS, CALLER], batches / 100)
    return figures(Step(
        level=level, began=0, until=10, batches=[*sent, *refused], waiting=waiting, cpu=cpu,
        cores=0.5, machine=0.75, slots=[0.5, 1.0],
    ))  # fmt: skip


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    hundred = percentiles(value / 1000 for value in range(100, 0, -1))
    assert hundred == pytest.approx({"p50": 50, "p95": 95, "p99": 99, "max": 100})
    assert percentiles([0.002]) == {"p50": 2, "p95": 2, "p99": 2, "max": 2}
    assert percentiles([]) is None


def test_arrivals_are_those_of_their_seed_and_rate() -> None:
    times = poisson(200, 50, seed=7)
    assert times == poisson(200, 50, seed=7) != poisson(200, 50, seed=8)
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < 50
    assert len(times) == pytest.approx(10_000, rel=0.05)


async def test_an_open_loop_waits_for_no_answer() -> None:
    answer, due = asyncio.Event(), []

    async def send(at: float) -> None:
        due.append(at)
        await answer.wait()

    tasks = await open_loop([0.0, 0.001, 0.002, 0.003], send)
    await asyncio.sleep(0)
    assert len(due) == len(tasks) == 4
    assert [at - due[0] for at in due] == pytest.approx([0, 0.001, 0.002, 0.003], abs=1e-6)
    answer.set()
    await asyncio.gather(*tasks)


async def test_a_client_of_a_closed_loop_has_one_batch_at_a_time() -> None:
    under_way, most = 0, 0

    async def send(_: float) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    await asyncio.gather(*await closed_loop(3, 0.01, send))
    assert most == 3


def test_a_step_s_figures() -> None:
    found = step(10, batches=100, waiting=10)
    assert found["refused"] == {"429": 1, "503": 1}
    assert (found["sent"], found["accepted"], found["left"], found["failed"]) == (102, 100, 0, 0)
    assert found["accepted_per_s"] == pytest.approx(10)
    assert found["finished_ms"]["p99"] == pytest.approx(125)
    assert found["called_ms"] is None
    assert found["slots_busy"] == 0.75
    assert found["cpu_ms"]["children"] == pytest.approx(10)
    assert not found["saturated"]
    assert step(10, batches=100, waiting=11)["saturated"]


def test_the_tables_show_every_step() -> None:
    steps = [step(10, batches=100), step(20, batches=200, waiting=99)]
    rates, costs = as_text(steps, "open").split("\n\n")
    head, first, second = (re.split(r"\s{2,}", line.strip()) for line in rates.splitlines())
    assert dict(zip(head, first, strict=True)) == {
        "due/s": "10", "accepted/s": "10.0", "ended/s": "9.98", "refused": "2", "failed": "0",
        "left": "0", "accepted p50": "15.6", "accepted p99": "15.6", "FINISHED p50": "125",
        "FINISHED p99": "125", "waiting": "0", "slots busy": "75%", "machine busy": "75%",
        "saturated": "no",
    }  # fmt: skip
    assert dict(zip(head, second, strict=True))["saturated"] == "yes"
    assert re.split(r"\s{2,}", costs.splitlines()[1].strip()) == [
        "10", *["10.0"] * 5, "50.0", "0.50", "10.0"
    ]  # fmt: skip


def test_a_step_in_which_nothing_ended_is_shown() -> None:
    nothing = step(1, batches=1) | {"cpu_ms": {}, "finished_ms": None, "slots_busy": None}
    assert "–" in as_text([nothing], "closed")


def test_the_drawing_has_a_line_for_each_figure() -> None:
    drawing = as_drawing([step(10, batches=100), step(20, batches=200)], "open")
    assert drawing.count("<polyline") == 4 + 1 + 5
    assert "callback" not in drawing


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--rate 0", "expected a whole number from 1 on, got '0'"),
        ("--clients 1,x", "got 'x'"),
        ("--rate 5 --clients 5", "not allowed with"),
        ("--seconds -1", "expected seconds above 0, got '-1'"),
        ("--clients 4 --plot x.svg", "--plot needs two steps that differ, got [4]"),
        ("--workload W99", "W99"),
    ],
)
def test_what_is_wrong_is_reported(
    words: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read(words.split())
    assert expected in capsys.readouterr().err
