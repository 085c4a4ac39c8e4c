"""What a hostile tenant can do by the API alone: files, callbacks; and what others notice."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import aiohttp

from tests.attack.findings import Findings
from tests.chaos.batches import BATCHES
from tests.chaos.installation import Installation
from tests.service.callbacks.hostile import HOSTILE
from tests.service.callbacks.test_callback_guard import HOSTS
from tests.service.harness.receiver import canary, talking
from tests.service.sandbox.faulty_child import CHANGES
from tests.service.sandbox.sandboxes import Playground

FINAL = {"FINISHED", "FAILED"}
END_SECONDS = 120.0
HEALTHY_SECONDS = 20.0
WAIT_SECONDS = 5  # that the API holds an answer back for


class Tenant:
    """A service that posts to an API."""

    def __init__(self, url: str, service_id: int, token: str) -> None:
        self.client = aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"})
        self._url = url
        self._service_id = service_id

    async def post(self, folder: str, *, source: str = "", **fields: Any) -> tuple[int, Any]:
        """Post a small batch; gives status and answer."""
        batch = BATCHES[0].request(folder) | ({"source": source} if source else {})
        body = {"service_id": self._service_id, **batch, **fields}
        async with self.client.post(f"{self._url}/request", json=body) as answer:
            return answer.status, await answer.json()

    async def ended(self, process_id: str, seconds: float = END_SECONDS) -> Any:
        """Wait until a process has ended; TimeoutError if it does not."""
        url = f"{self._url}/request/{process_id}?wait={WAIT_SECONDS}"
        async with asyncio.timeout(seconds):
            while True:
                async with self.client.get(url) as answer:
                    status = await answer.json()
                if status["status"] in FINAL:
                    return status


def tenant_of(installation: Installation, stack: AsyncExitStack) -> Tenant:
    """Open a client of the first API that the stack closes."""
    tenant = Tenant(installation.urls[0], installation.service_id, installation.token)
    stack.push_async_callback(tenant.client.close)
    return tenant


async def forge_callbacks(installation: Installation) -> Findings:
    """Have callbacks sent to a canary on this machine, in every spelling of its address."""
    findings = Findings("SSRF")
    async with AsyncExitStack() as stack:
        tenant = tenant_of(installation, stack)
        connections = await stack.enter_async_context(canary())
        port = connections[0]
        for index, host in enumerate(HOSTS):
            findings.tried += 1
            url = f"http://{host}:{port}/hook"
            status, answer = await tenant.post(f"ssrf/{index}", callback=url)
            if status == 200:
                await tenant.ended(answer["process_id"])
            elif status != 400:
                findings.breach(f"{url}: {status} {answer}")
        await asyncio.sleep(2)  # for callbacks that are on their way
        findings.breaches += [f"the canary was reached at {where}" for where in connections[1:]]
    return findings


async def answer_badly(installation: Installation) -> Findings:
    """Have callbacks answered by receivers that no client should meet, and look at others."""
    findings = Findings("hostile receivers")
    async with AsyncExitStack() as stack:
        tenant = tenant_of(installation, stack)
        for receiver in HOSTILE:
            findings.tried += 1
            port = await stack.enter_async_context(talking(receiver))
            for number in range(8):
                url = f"http://127.0.0.1:{port}/{number}"
                await tenant.post(f"bad/{receiver.__name__}/{number}", callback=url)
            await _healthy(tenant, findings, receiver.__name__)
    return findings


async def escape() -> Findings:
    """Do in a rendering child what a decoder that is taken over would do."""
    findings = Findings("sandbox")
    acts: list[dict[str, Any]] = [
        {"do": "connect", "port": 80}, {"do": "connect_by_syscall", "port": 80},
        {"do": "read", "path": "/etc/passwd"}, {"do": "read", "path": "/proc/1/environ"},
        {"do": "write", "path": "/tmp/darkroom-escape"}, {"do": "remove", "path": "/etc/hostname"},
        {"do": "run"}, {"do": "run_in_place"}, {"do": "fork"}, {"do": "signal_parent"},
        {"do": "raise_limit"}, *({"do": "change_source", "how": how} for how in CHANGES),
    ]  # fmt: skip
    async with Playground() as sandbox:
        for act in acts:
            findings.tried += 1
            [answer] = await sandbox.ask(act)
            if "refused" not in answer:
                findings.breach(f"{act}: {answer}")
        findings.notes.append(", ".join(sorted(sandbox.protections)))
    return findings


async def _healthy(tenant: Tenant, findings: Findings, beside: str) -> None:
    """Note a breach if a healthy batch is not finished soon."""
    began = time.monotonic()
    _, answer = await tenant.post(f"healthy/{beside}/{findings.tried}")
    status = await tenant.ended(answer["process_id"])
    seconds = time.monotonic() - began
    if status["status"] != "FINISHED" or seconds > HEALTHY_SECONDS:
        findings.breach(
            f"beside {beside}: a healthy batch is {status['status']} in {seconds:.1f} s"
        )
