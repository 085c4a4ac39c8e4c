"""A background task that fails is started again, counted and told."""

import asyncio

import pytest

from service.supervisor import Supervisor
from service.tasks import stop
from tests.service.sandbox.sandboxes import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.supervisor.FIRST_PAUSE", 0.01)


class Flaky:
    """Fails so many times, then runs until it is told to end."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.runs = 0
        self.over = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        if self.errors:
            raise self.errors.pop(0)
        await self.over.wait()


async def test_it_runs_again_after_whatever_error_until_it_ends() -> None:
    restarts: list[str] = []
    flaky = Flaky(ZeroDivisionError(), OSError(24, "EMFILE"), asyncio.CancelledError())
    task = asyncio.create_task(Supervisor(restarts.append).keep("flaky", flaky.run))
    await until(lambda: flaky.runs == 4)
    assert restarts == ["flaky"] * 3
    flaky.over.set()
    await asyncio.wait_for(task, 5)
    assert flaky.runs == 4


async def test_it_is_down_until_it_is_steady_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.supervisor.STEADY_SECONDS", 0.3)
    supervisor = Supervisor()
    flaky = Flaky(ZeroDivisionError())
    names = ["flaky", "well"]
    tasks = [
        asyncio.create_task(supervisor.keep(name, each.run))
        for name, each in zip(names, (flaky, Flaky()), strict=True)
    ]
    await until(lambda: flaky.runs == 2)
    assert supervisor.down == ["flaky"]
    await until(lambda: supervisor.down == [])
    for task in tasks:
        await stop(task)


async def test_it_is_cancelled_while_it_runs_and_while_it_waits() -> None:
    supervisor = Supervisor()
    for flaky in (Flaky(), Flaky(*[ZeroDivisionError()] * 9)):
        task = asyncio.create_task(supervisor.keep("flaky", flaky.run))
        await until(lambda: flaky.runs > 0)  # noqa: B023
        await stop(task)
        assert task.cancelled()
