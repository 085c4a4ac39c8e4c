"""One service's slow renderings fill the slots, and another's are done meanwhile."""

import msgspec
import pytest

from service.dev.stack import free_port
from service.settings import Settings
from tests.service.harness.api_client import Api
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import done_by, ended, scraped, until, working
from tests.service.worker.faulty_sandbox import FaultySandbox

SLOTS = 2
SLOW, WAITING = "darkroom_slow_rendering", "darkroom_slow_waiting"


async def test_slow_renderings_of_one_service_do_not_hold_up_another_s(
    api: Api,
    settings: Settings,
    tenant: Tenant,
    stranger: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.sandbox.setup.Sandbox", FaultySandbox)
    settings = msgspec.structs.replace(
        settings, metrics_port=free_port(), slots=SLOTS, slow_seconds=0.1
    )

    async def figures(*expected: int) -> bool:
        return (await scraped(settings, SLOW), await scraped(settings, WAITING)) == expected

    async with working(settings):
        hanging = [await api.create(tenant, tenant.body(f"hang-{at}.png")) for at in range(SLOTS)]
        await until(lambda: figures(SLOTS, 0))
        lingering = [await api.create(tenant, tenant.body(f"linger-{at}.png")) for at in range(2)]
        await until(lambda: figures(SLOTS, 2))  # each was begun, and is to be begun once more
        for _ in range(3):
            assert (await done_by(api, stranger))["status"] == "FINISHED"
        await api.ask("POST", f"/request/{hanging[0]}/cancel", tenant)
        for process_id in lingering:
            assert (await ended(api, tenant, process_id))["status"] == "FINISHED"
        await api.ask("POST", f"/request/{hanging[1]}/cancel", tenant)
        for process_id in hanging:
            assert (await ended(api, tenant, process_id))["status"] == "FAILED"
