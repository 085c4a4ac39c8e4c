"""Short attacks on the API, and that a breach is found; `make attack` does more."""

import asyncio
import random

from tests.attack.api import fuzz_api, malformed, send_malformed, valid_request
from tests.service.harness.api_client import Api
from tests.service.harness.receiver import talking
from tests.service.harness.tenants import Tenant, raw_json


async def test_no_request_of_the_document_is_answered_5xx(api: Api, tenant: Tenant) -> None:
    document = (await api.ask("GET", "/openapi.json")).words
    known = {"service_id": tenant.service_id, "source": "in.png"}
    url = f"http://127.0.0.1:{api.port}"
    found = await asyncio.to_thread(fuzz_api, url, document, tenant.token, known, 10, 1)
    assert found.breaches == []
    assert found.tried >= 40


async def test_no_spoilt_request_is_answered_5xx_or_left_open(api: Api, tenant: Tenant) -> None:
    request = valid_request(tenant.token, raw_json(tenant.body()))
    found = await send_malformed(api.port, request, 300, 1)
    assert found.breaches == []
    assert found.tried == 300
    assert (await api.ask("GET", "/livez")).status == 200


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
