"""Short attacks on the API, and that a breach is found; `make attack` does more."""

import asyncio
import random
from itertools import count

import msgspec
import pytest

from service.dev.stack import free_port
from service.sandbox.protocol import Reason
from service.settings import Settings
from tests.attack import live
from tests.attack.api import (
    fuzz_api,
    malformed,
    send_malformed,
    valid_request,
    with_short_lists,
)
from tests.attack.bombs import BOMBS, Bomb
from tests.attack.findings import Findings
from tests.attack.tenants import Tenant as Client
from tests.chaos.batches import SOURCES
from tests.service.harness.api_client import Api
from tests.service.harness.receiver import talking
from tests.service.harness.tenants import Tenant, raw_json
from tests.service.harness.workers import working


async def test_no_request_of_the_document_is_answered_5xx(api: Api, tenant: Tenant) -> None:
    document = with_short_lists((await api.ask("GET", "/openapi.json")).words)
    known = {"service_id": tenant.service_id, "source": "in.png"}
    url = f"http://127.0.0.1:{api.port}"
    found = await asyncio.to_thread(fuzz_api, url, document, tenant.token, known, 4, 1)
    assert found.breaches == []
    assert found.tried >= 40


async def test_no_spoilt_request_is_answered_5xx_or_left_open(api: Api, tenant: Tenant) -> None:
    request = valid_request(tenant.token, raw_json(tenant.body()))
    found = await send_malformed(api.port, request, 300, 1)
    assert found.breaches == []
    assert found.tried == 300
    assert (await api.ask("GET", "/livez")).status == 200


FEW = (
    "PNG that claims 2³¹ − 1 columns", "JPEG of nested XMP", "JPEG of 819 scans",
    "TIFF of 4,000 tags", "SVG of a billion laughs", "empty file",
)  # fmt: skip


async def test_bombs_end_with_a_code_beside_healthy_batches(
    api: Api, settings: Settings, tenant: Tenant
) -> None:
    tenant.put("photo.jpg", SOURCES["photo.jpg"])
    both = await _throw(api, settings, tenant, {name: BOMBS[name] for name in FEW})
    assert both.breaches == []
    assert both.tried == len(FEW)
    assert "healthy batches beside" in both.notes[0]


async def test_a_child_that_dies_untold_is_a_breach(
    api: Api, settings: Settings, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.put("photo.jpg", SOURCES["photo.jpg"])
    numbers = count()

    async def exits(*_: object) -> dict[Reason, float]:
        return dict.fromkeys(live.EXITS, next(numbers))

    monkeypatch.setattr(live, "_exits", exits)
    found = await _throw(api, settings, tenant, {"empty file": BOMBS["empty file"]})
    assert len(found.breaches) == len(live.EXITS)


async def _throw(api: Api, settings: Settings, tenant: Tenant, bombs: dict[str, Bomb]) -> Findings:
    client = Client(f"http://127.0.0.1:{api.port}", tenant.service_id, tenant.token)
    settings = msgspec.structs.replace(settings, metrics_port=free_port())
    url = f"http://{settings.metrics_host}:{settings.metrics_port}/metrics"
    async with client.client, working(settings):
        return await live.send_bombs(bombs, client, tenant.put, client, url, 20.0)


def test_a_seed_spoils_alike() -> None:
    request = valid_request("t", b"{}")
    spoilt = {malformed(request, random.Random(number)) for number in range(50)}
    assert len(spoilt) > 45
    assert malformed(request, random.Random(7)) == malformed(request, random.Random(7))


async def test_a_breach_is_found() -> None:
    async def break_down(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\n\r\n")
        await writer.drain()

    async with talking(break_down) as port:
        found = await send_malformed(port, valid_request("t", b"{}"), 3, 1)
    assert len(found.breaches) == 3
