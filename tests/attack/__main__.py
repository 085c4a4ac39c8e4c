"""`make attack`: what is known to break services like this one, against a running one."""

import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path

import aiohttp
import click

from tests.attack.api import fuzz_api, send_malformed, valid_request
from tests.attack.bombs import BOMBS
from tests.attack.findings import Findings
from tests.attack.tenants import answer_badly, escape, forge_callbacks, send_bombs
from tests.chaos.installation import Installation, installed
from tests.chaos.options import Options

SMALL = Options(
    processes=500, kills=0, seed=1, minutes=1, apis=1, workers=1, durable=False
)  # fmt: skip


@click.command()
@click.option("--examples", default=300, show_default=True, help="Requests for each operation.")
@click.option("--malformed", default=3000, show_default=True, help="Requests that are no HTTP.")
@click.option("--seed", default=1, show_default=True, help="Chooses both.")
def main(examples: int, malformed: int, seed: int) -> None:
    """Attack a complete installation, and check that it holds.

    \b
    api                what schemathesis makes of the OpenAPI document: no answer of 5xx
    malformed HTTP     spoilt requests: answered below 500 or cut off, never left open
    SSRF               callbacks to a canary on this machine in every spelling: not reached
    bombs              small files that ask for much: refused, and the next batch is served
    hostile receivers  endless, slow and senseless answers to callbacks: others are served
    sandbox            what a decoder that is taken over would try: all of it refused

    Exits 1 if anything gave way. `make fuzz` sends malformed images.
    """
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # of receivers that never end
    findings = asyncio.run(_attack(examples, malformed, seed))
    sys.exit(any(found.breaches for found in findings))


async def _attack(examples: int, malformed: int, seed: int) -> list[Findings]:
    with tempfile.TemporaryDirectory(prefix="darkroom-attack-") as temporary:
        folder = Path(temporary)
        findings = [_say(await escape())]
        strict = {"callback_private_networks": False}
        async with installed(folder / "strict", SMALL, **strict) as installation:
            findings += [
                _say(await _fuzz(installation, examples, seed)),
                _say(await _malform(installation, malformed, seed)),
                _say(await forge_callbacks(installation)),
                _say(await send_bombs(installation, BOMBS)),
            ]
        async with installed(folder / "open", SMALL) as installation:
            findings.append(_say(await answer_badly(installation)))
    return findings


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


def _say(findings: Findings) -> Findings:
    click.echo("\n".join(findings.lines()))
    return findings


main()
