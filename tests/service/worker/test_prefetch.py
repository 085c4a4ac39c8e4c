"""What a worker takes on, and how many cores it gives to each process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager

import msgspec
import pytest

from service.sandbox.parent import Sandbox
from service.sandbox.parent.rendering import Rendering
from service.sandbox.protocol import Work
from service.settings import Settings
from service.store import Store
from service.worker.rendering.prefetch import Prefetch
from tests.service.harness.api_client import Api
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import ended, working


@pytest.mark.parametrize(
    ("children", "cores", "threads"),
    [(4, 4, [4, 4, 2, 1, 1, 1]), (4, 2, [2, 2, 1]), (1, 8, [1, 1]), (3, 3, [3, 3, 1])],
)
def test_the_cores_are_shared_by_what_is_rendered(
    children: int, cores: int, threads: list[int]
) -> None:
    prefetch = Prefetch(children, cores)
    found = [prefetch.threads]
    with ExitStack() as held:
        for _ in threads[1:]:
            held.enter_context(prefetch.rendering())
            found.append(prefetch.threads)
    assert found == threads
    assert prefetch.threads == threads[0]


async def test_a_lone_process_uses_idle_cores_and_others_one_each(
    api: Api, settings: Settings, store: Store, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: asyncio.Queue[int] = asyncio.Queue()
    going = asyncio.Event()
    render = Sandbox.render

    @asynccontextmanager
    async def noted(
        self: Sandbox, work: Work, on_waiting: Callable[[bool], None]
    ) -> AsyncIterator[Rendering]:
        given.put_nowait(work.threads)
        await going.wait()
        rendering: AbstractAsyncContextManager[Rendering] = render(self, work, on_waiting)
        async with rendering as found:
            yield found

    monkeypatch.setattr(Sandbox, "render", noted)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    async with working(msgspec.structs.replace(settings, slots=2)):
        ids = [await api.create(tenant, tenant.body("lone.png"))]
        assert await given.get() == 2
        for name in ("second.png", "third.png"):
            ids.append(await api.create(tenant, tenant.body(name)))
            assert await given.get() == 1
        going.set()
        for process_id in ids:
            assert (await ended(api, tenant, process_id))["status"] == "FINISHED"
