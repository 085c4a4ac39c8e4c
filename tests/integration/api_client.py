"""The API as its clients see it: bytes over a socket."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDictProxy

from service.app import build_app
from service.settings import Settings
from tests.integration.tenants import Tenant, Words, spelt


@dataclass
class Answer:
    """An answer that was read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def words(self) -> Any:
        return json.loads(self.raw)


class Api:
    """Asks as one service after the other."""

    def __init__(self, client: "TestClient[Any, Any]") -> None:
        self.client = client

    async def ask(
        self,
        method: str,
        path: str,
        tenant: Tenant | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        told = {**(tenant.headers if tenant else {}), **(headers or {})}
        data = None if body is None else spelt(body)
        async with self.client.request(method, path, data=data, headers=told) as response:
            return Answer(response.status, response.headers, await response.read())

    async def post(
        self, tenant: Tenant, body: object, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for a process."""
        return await self.ask("POST", "/request", tenant, body, headers)

    async def create(self, tenant: Tenant, body: Words | None = None) -> str:
        """Have a process accepted, and give its id."""
        answer = await self.post(tenant, body or tenant.body())
        assert answer.status == 200, answer.raw
        return str(answer.words["process_id"])

    async def get(self, tenant: Tenant, process_id: str) -> Answer:
        return await self.ask("GET", f"/request/{process_id}", tenant)

    async def status(self, tenant: Tenant, process_id: str) -> Words:
        answer = await self.get(tenant, process_id)
        assert answer.status == 200, answer.raw
        found: Words = answer.words
        return found

    async def retry(self, tenant: Tenant, *ids: str, **fields: Any) -> Answer:
        body = {"service_id": tenant.service_id, "process_ids": ids, **fields}
        return await self.ask("POST", "/retry", tenant, body)

    async def metric(self, line: str) -> float:
        return metric((await self.ask("GET", "/metrics")).raw.decode(), line)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Api]:
    """Serve the API on a free port of this machine."""
    async with TestServer(build_app(settings)) as server:
        client: TestClient[Any, Any] = TestClient(server)
        async with client:
            yield Api(client)


def metric(text: str, line: str) -> float:
    """Read one number of what Prometheus scrapes: a name with its labels; 0 if not there."""
    found = [row.rpartition(" ")[2] for row in text.splitlines() if row.startswith(f"{line} ")]
    return float(found[0]) if found else 0.0
