"""The verifiers of clients/verify, each run by its own interpreter on callbacks that were sent."""

import asyncio
import base64
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from service.callbacks import Sender
from service.callbacks.signature import sign
from service.ids import new_webhook_secret
from service.metrics import Metrics
from service.settings import Settings
from service.store import Store
from tests.service.harness.receiver import due, receiving, send
from tests.service.harness.tenants import Tenant

ROOT = Path(__file__).parents[3]
SHOWN, DRIVERS = ROOT / "clients" / "verify", Path(__file__).parent / "verifiers"
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "mjs": ("node", "drive.mjs"),
    "go": ("go", "run", "."),
    "php": ("php", "drive.php"),
    "rb": ("ruby", "drive.rb"),
}
BODY = '{"process_id":"Straße/1","status":"FINISHED","jobs":[]}'.encode()


def again(secrets: list[str], id_: str, seconds: int, body: bytes = BODY) -> dict[str, str]:
    """Sign as the service does, at another time or with other secrets."""
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(seconds),
        "webhook-signature": sign(secrets, id_, seconds, body),
    }


@pytest.fixture
async def sent(shared_store: Store, settings: Settings, tenant: Tenant) -> dict[str, str]:
    """The headers of a callback as it arrived."""
    async with receiving() as receiver:
        delivery = await due(shared_store, tenant, receiver.url, body=BODY)
        sender = Sender(shared_store, settings, Metrics(version="x", libvips="x"))
        await send(sender, delivery)
        sender.close()
        assert receiver.only.body == BODY
        return {name.lower(): value for name, value in receiver.only.headers.items()}


def cases(secret: str, sent: dict[str, str]) -> list[tuple[str, dict[str, str], bytes, str]]:
    """Return secret, headers and body of each callback, and what is to be said of it."""
    now, other = int(time.time()), new_webhook_secret()
    signature, ok = sent["webhook-signature"], "new Straße/1"
    forged = signature[:-4] + ("AAA=" if not signature.endswith("AAA=") else "BBB=")
    refused = [
        (secret, sent, BODY.replace(b"FINISHED", b"FAILED  ")),
        (secret, sent, b""),
        (other, sent, BODY),
        (secret, sent | {"webhook-id": "another"}, BODY),
        (secret, sent | {"webhook-timestamp": str(now - 60)}, BODY),
        *((secret, sent | {"webhook-timestamp": bad}, BODY) for bad in ("", "now", "9" * 30, "-1")),
        *(
            (secret, sent | {"webhook-signature": bad}, BODY)
            for bad in ("", "v1,", "v1", forged, signature[:-1], signature.removeprefix("v1,"),
                        signature.replace("v1,", "v2,"), signature + "=", "ü" * len(signature))
        ),
        *((secret, {k: v for k, v in sent.items() if k != f"webhook-{name}"}, BODY)
          for name in ("id", "timestamp", "signature")),
        (secret, again([secret], "old", now - 360), BODY),
        (secret, again([secret], "early", now + 360), BODY),
    ]  # fmt: skip
    return [
        *((*each, "refused -") for each in refused),
        (secret, sent, BODY, ok),
        (secret, sent, BODY, "repeated -"),
        (secret, again([secret], sent["webhook-id"], now), BODY, "repeated -"),
        (secret, again([other, secret], "rotated", now - 240), BODY, ok),
        (secret, again([secret, other], "rotating", now + 240), BODY, ok),
    ]  # fmt: skip


@pytest.mark.timeout(180)  # the compiler of Go may have to make its cache
@pytest.mark.parametrize("language", COMMANDS)
async def test_a_callback_is_new_repeated_or_refused(
    language: str, sent: dict[str, str], tenant: Tenant, tmp_path: Path
) -> None:
    command = COMMANDS[language]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    place = tmp_path / "darkroom" if language == "go" else tmp_path
    place.mkdir(exist_ok=True)
    shutil.copy(SHOWN / f"callback.{language}", place)
    shutil.copy(DRIVERS / f"drive.{language}", tmp_path)
    if language == "go":
        (tmp_path / "go.mod").write_text("module drive\n\ngo 1.21\n")
    asked: list[dict[str, Any]] = []
    expected = []
    for secret, headers, body, verdict in cases(tenant.webhook_secret, sent):
        coded = base64.b64encode(body).decode()
        asked.append({"secret": secret, "headers": headers, "body": coded})
        expected.append(verdict)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate(json.dumps(asked).encode())
    assert process.returncode == 0, errors.decode()
    assert output.decode().splitlines() == expected
