"""`make attack`: what is known to break services like this one, against a running one."""

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import click

from tests.attack.api import fuzz_api, send_malformed, valid_request
from tests.attack.beside import add_service, disturb
from tests.attack.bomb_table import table, throw_bombs
from tests.attack.bombs import BOMBS
from tests.attack.fair import share_out
from tests.attack.findings import Findings
from tests.attack.large import WORKER_BYTES, send_large
from tests.attack.live import send_bombs
from tests.attack.tenants import answer_badly, escape, forge_callbacks, tenant_of
from tests.chaos.installation import Folder, Installation, installed
from tests.chaos.options import Options

SMALL = Options(
    processes=500, kills=0, seed=1, minutes=1, apis=1, workers=1, durable=False
)  # fmt: skip
ROOMY = Options(processes=4_000, kills=0, seed=1, minutes=1, apis=1, workers=1, durable=False)
RENDER_SECONDS = 20.0
LIVE = {"slots": 2, "allow_svg": True, "render_seconds": RENDER_SECONDS, "max_crashes": 3}
PARTS = ("sandbox", "api", "bombs", "live", "receivers", "neighbours", "fair", "large")


@click.command()
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="This part alone.")
@click.option("--examples", default=300, show_default=True, help="Requests for each operation.")
@click.option("--malformed", default=3000, show_default=True, help="Requests that are no HTTP.")
@click.option("--batches", default=60, show_default=True, help="Healthy ones, beside hostile.")
@click.option("--seed", default=1, show_default=True, help="Chooses both.")
def main(only: Sequence[str], examples: int, malformed: int, batches: int, seed: int) -> None:
    """Attack a complete installation, and check that it holds.

    \b
    sandbox     what a decoder that is taken over would try: all of it refused
    api         what schemathesis makes of the OpenAPI document: no answer of 5xx; spoilt
                HTTP: answered below 500 or cut off, never left open; callbacks to a canary
                on this machine in every spelling: not reached
    bombs       a table of small files that ask for much, in a child: refused within 0.1 s, or
                done in the time that is predicted
    live        each of them posted to a running service: it ends as done or with a code within
                its time, no child dies that it does not tell of, and a healthy tenant is served
    receivers   endless, slow and senseless answers to callbacks: others are served
    neighbours  a table of what a healthy tenant notices of 1, 8 and 64 hostile ones
    fair        what ten of one service wait beside 3,000 of another; eight services in turn
    large       50 sources of 50 to 100 megapixels at once on a worker of 2 GiB

    Exits 1 if anything gave way. `make fuzz` sends malformed images.
    """
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # of receivers that never end
    parts = only or PARTS
    findings = asyncio.run(_attack(parts, examples, malformed, batches, seed))
    sys.exit(any(found.breaches for found in findings))


async def _attack(
    parts: Sequence[str], examples: int, malformed: int, batches: int, seed: int
) -> list[Findings]:
    findings = []
    with tempfile.TemporaryDirectory(prefix="darkroom-attack-") as temporary:
        folder = Path(temporary)
        if "sandbox" in parts:
            findings.append(_say(await escape()))
        if "bombs" in parts:
            found, rows = await throw_bombs()
            findings.append(_say(found, table(rows)))
        if "api" in parts:
            strict = {"callback_private_networks": False}
            async with installed(folder / "strict", SMALL, **strict) as installation:
                findings += [
                    _say(await _fuzz(installation, examples, seed)),
                    _say(await _malform(installation, malformed, seed)),
                    _say(await forge_callbacks(installation)),
                ]
        if "live" in parts:
            async with installed(folder / "live", ROOMY, **LIVE) as installation:
                findings.append(_say(await _throw(installation)))
        if "receivers" in parts:
            async with installed(folder / "receivers", SMALL) as installation:
                findings.append(_say(await answer_badly(installation)))
        if "neighbours" in parts:
            async with installed(folder / "neighbours", ROOMY, slots=2) as installation:
                found, seen = await disturb(installation, batches)
                head = (
                    "| beside hostile | at once | p50, ms | p95, ms |",
                    "| --- |" + " ---: |" * 3,
                )
                findings.append(_say(found, (*head, *map(str, seen))))
        if "fair" in parts:
            async with installed(folder / "fair", ROOMY, slots=2) as installation:
                found, waits = await share_out(installation)
                head = (
                    "| beside waiting | claimed p50, ms | p95 | ended p50, ms | p95 |",
                    "| ---: |" + " ---: |" * 4,
                )
                findings.append(_say(found, (*head, *map(str, waits))))
        if "large" in parts:
            bounded = {"slots": 2, "memory_bytes": WORKER_BYTES}
            async with installed(folder / "large", ROOMY, **bounded) as installation:
                findings.append(_say(await send_large(installation)))
    return findings


async def _throw(installation: Installation) -> Findings:
    assert isinstance(installation.storage, Folder)
    async with AsyncExitStack() as stack:
        hostile, healthy = (
            tenant_of(each, stack)
            for each in (await add_service(installation, "hostile"), installation)
        )
        metrics_url = installation.workers[0].probe.replace("/readyz", "/metrics")
        return await send_bombs(
            BOMBS, hostile, installation.storage.put, healthy, metrics_url, RENDER_SECONDS
        )


async def _fuzz(installation: Installation, examples: int, seed: int) -> Findings:
    url = installation.urls[0]
    async with aiohttp.ClientSession() as client, client.get(f"{url}/openapi.json") as answer:
        document = await answer.json()
    known = {"service_id": installation.service_id, "source": "drawing.png"}
    return await asyncio.to_thread(
        fuzz_api, url, document, installation.token, known, examples, seed
    )


async def _malform(installation: Installation, count: int, seed: int) -> Findings:
    body = {"service_id": installation.service_id, "source": "drawing.png", "jobs": []}
    request = valid_request(installation.token, json.dumps(body).encode())
    port = int(installation.urls[0].rsplit(":", 1)[1])
    return await send_malformed(port, request, count, seed)


def _say(findings: Findings, rows: Iterable[str] = ()) -> Findings:
    click.echo("\n".join([*rows, *findings.lines()]))
    return findings


main()
