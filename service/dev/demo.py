"""The demo: a batch that is sent through the HTTP API, its status, and how to repeat it."""

import asyncio
import json
import shlex
import sys
from collections.abc import Callable
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import click

from service.dev.stack import Dev
from service.storage import open_storage

PHOTO = "cat.png"

JOBS: list[dict[str, Any]] = [
    {
        "destination": "demo/square.jpg",
        "transformations": [{"type": "crop", "width": 240, "height": 240, "gravity": "east"}],
    },
    {
        "destination": "demo/sepia.jpg",
        "transformations": [
            {"type": "resize", "width": "80%"},
            {"type": "contrast", "level": 10},
            {"type": "filter", "filter": "sepia"},
        ],
    },
    {
        "destination": "demo/card.webp",
        "quality": 80,
        "transformations": [
            {
                "type": "fitmethod", "fit_type": "letterbox",
                "width": 400, "height": 400, "color": "#203040",
            }
        ],
    },
    {
        "destination": "demo/tilted.png",
        "transformations": [
            {"type": "resize", "width": 300}, {"type": "rotate", "degrees": 12.5}
        ],
    },
    {
        "destination": "demo/mirror.jpg",
        "transformations": [
            {"type": "flip", "direction": "horizontal"},
            {"type": "brightness", "bright_level": 25},
        ],
    },
]  # fmt: skip

Say = Callable[[str], None]


async def send_batch(dev: Dev, say: Say) -> dict[str, Any]:
    """Store the photo, send the batch, follow it, and give its final status."""
    await _store_photo(dev)
    body = {"service_id": dev.service_id, "source": PHOTO, "jobs": JOBS}
    headers = {"Authorization": f"Bearer {dev.token}"}
    async with aiohttp.ClientSession(dev.url, headers=headers, raise_for_status=True) as session:
        began = perf_counter()
        async with session.post("/request", json=body) as answer:
            process_id = (await answer.json())["process_id"]
        say(f"POST /request answered {process_id} in {(perf_counter() - began) * 1000:.0f} ms")
        return await _follow(session, process_id)


async def save_results(dev: Dev, status: dict[str, Any], directory: Path) -> Path:
    """Return the folder of the results; those in S3 are copied to one first."""
    if dev.storage.startswith("file://"):
        return directory / "storage" / "demo"
    folder = directory / "results"
    folder.mkdir(exist_ok=True)
    storage = await open_storage(dev.storage, dev.options)
    try:
        for job in status["jobs"]:
            if job["status"] == "DONE":
                with await storage.fetch(job["destination"], limit=2**27) as file:
                    (folder / Path(job["destination"]).name).write_bytes(file.read())
    finally:
        await storage.close()
    return folder


def table(status: dict[str, Any]) -> str:
    """Show the status of each job: destination, size, bytes, milliseconds."""
    lines = [f"{'destination':<24} {'size':>11} {'bytes':>9} {'ms':>5}"]
    for job in status["jobs"]:
        if job["status"] == "DONE":
            size = f"{job['width']}×{job['height']}"
            rest = f"{size:>11} {job['bytes']:>9,} {job['milliseconds']:>5}"
        else:
            rest = f"{job['status']} {job.get('error', {}).get('message', '')}"
        lines.append(f"{job['destination']:<24} {rest}")
    return "\n".join(lines)


def how_to_repeat(dev: Dev) -> str:
    """Return curl commands that do it again, or with another photo."""
    status = f"curl -s {dev.url}/request/PROCESS_ID -H 'Authorization: Bearer {dev.token}'"
    return (
        f"Send two of these jobs again:\n\n{_how_to_post(dev, '/request', JOBS[:2])}\n\n"
        f"Get the status of a process:\n\n{status}\n\n"
        f"Explain a batch without processing it:\n\n"
        f"{_how_to_post(dev, '/explain', JOBS[:1])} -H 'Accept: text/plain'\n\n"
        f"To use a photo of your own, copy it into the storage and name it as the source:\n\n"
        f"{_how_to_store(dev)}"
    )


def _how_to_post(dev: Dev, path: str, jobs: list[dict[str, Any]]) -> str:
    body = {"service_id": dev.service_id, "source": PHOTO, "jobs": jobs}
    return shlex.join(
        [
            "curl", "-s", f"{dev.url}{path}",
            "-H", f"Authorization: Bearer {dev.token}",
            "-H", "Content-Type: application/json",
            "-d", json.dumps(body),
        ]
    )  # fmt: skip


def _how_to_store(dev: Dev) -> str:
    if dev.storage.startswith("file://"):
        return f"cp your.jpg {shlex.quote(unquote(urlsplit(dev.storage).path))}/"
    user = f"{dev.storage_access_key}:{dev.storage_secret_key}"
    path = dev.storage.removeprefix("s3://")
    return (
        f"curl --aws-sigv4 aws:amz:us-east-1:s3 --user {user} "
        f"-T your.jpg {dev.storage_endpoint}/{path}/your.jpg"
    )


async def _store_photo(dev: Dev) -> None:
    storage = await open_storage(dev.storage, dev.options)
    try:
        photo = files("service.dev").joinpath(PHOTO).read_bytes()
        await storage.publish(PHOTO, BytesIO(photo), content_type="image/png")
    finally:
        await storage.close()


async def _follow(session: aiohttp.ClientSession, process_id: str) -> dict[str, Any]:
    """Poll the status until it is final, with a progress line."""
    while True:
        async with session.get(f"/request/{process_id}") as answer:
            status: dict[str, Any] = await answer.json()
        done = sum(job["status"] != "QUEUED" for job in status["jobs"])
        _progress(f"{status['status'].lower()}: {done} of {len(status['jobs'])} jobs done")
        if status["status"] in {"FINISHED", "FAILED"}:
            click.echo()
            return status
        await asyncio.sleep(0.05)


def _progress(line: str) -> None:
    if sys.stdout.isatty():
        click.echo(f"\r\x1b[K{line}", nl=False)
    elif line.startswith(("finished", "failed")):
        click.echo(line, nl=False)
