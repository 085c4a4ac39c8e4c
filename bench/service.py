"""Measures the service around the engine: `make bench-service`.

Three figures, each a ratio or a time on this machine in this run:

- wait: seconds from a process's record to its claim, on an idle queue
- slots: batches a second through the whole service, over what the same number of
  rendering children do with nothing around them
- intake: POST /request a second, each recorded with fsync, over what a bare aiohttp
  handler answers, loaded by the same client on the same cores
"""

import asyncio
import io
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import numpy as np
import uvloop
from aiohttp import web
from PIL import Image

from service.dev import run_stack
from service.dev.stack import Dev, free_port
from service.sandbox.parent import Sandbox
from service.sandbox.protocol import Output, Work

RESULTS = Path(__file__).parent / "results"
PHOTO = Path(__file__).parent.parent / "tests/data/photos/coffee.png"

JOBS: list[dict[str, object]] = [
    {
        "destination": "bench/a.jpg",
        "transformations": [
            {"type": "crop", "width": 1080, "height": 1080},
            {"type": "brightness", "bright_level": 20},
            {"type": "contrast", "level": 7},
            {"type": "filter", "filter": "sepia"},
        ],
    },
    {"destination": "bench/b.jpg", "transformations": [{"type": "resize", "width": 640}]},
]
BATCHES = 120
ROUNDS = 3


def say(text: str) -> None:
    """Show how far it is."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def photo() -> bytes:
    """Make a 12 megapixel JPEG with grain out of a real photo, the same each time."""
    with Image.open(PHOTO) as small:
        large = np.asarray(small.convert("RGB").resize((4000, 3000), Image.Resampling.BICUBIC))
    grain = np.random.default_rng(1).normal(0, 6, large.shape)
    file = io.BytesIO()
    noisy = Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8))
    noisy.save(file, "JPEG", quality=90)
    return file.getvalue()


async def measure() -> dict[str, dict[str, float]]:
    """Start a whole stack in a new folder and take all figures."""
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder:
        directory = Path(folder)
        async with run_stack(directory, storage="folder", port=0) as dev:
            (directory / "storage" / "photo.jpg").write_bytes(photo())
            wait = await measure_wait(dev, directory)
            slots = await measure_slots(dev, directory)
            intake = await measure_intake(dev)
    return {"wait": wait, "slots": slots, "intake": intake}


async def measure_wait(dev: Dev, directory: Path) -> dict[str, float]:
    """Send one small batch at a time and read from the records when each was claimed."""
    say("wait: one process at a time on an idle queue")
    async with _client(dev) as client, _database(directory) as database:
        await database.execute(
            "ALTER TABLE processes ADD COLUMN claimed_at timestamptz;"
            "CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN NEW.claimed_at := clock_timestamp(); RETURN NEW; END';"
            "CREATE TRIGGER claimed BEFORE UPDATE OF run ON processes "
            "FOR EACH ROW EXECUTE FUNCTION note_claim()"
        )
        answered: dict[str, float] = {}
        small: list[dict[str, object]] = [
            {"destination": "bench/s.jpg", "transformations": [{"type": "resize", "width": 64}]}
        ]
        for _ in range(200):
            process_id = await _post(client, dev, small)
            answered[process_id] = time.time()
            await asyncio.sleep(0.15)
        rows = await database.fetch(
            "SELECT id, extract(epoch FROM claimed_at)::float8 AS claimed FROM processes "
            "WHERE id = ANY($1::text[])", list(answered),
        )  # fmt: skip
        await database.execute("DROP TRIGGER claimed ON processes")
    waits = sorted((row["claimed"] - answered[row["id"]]) * 1000 for row in rows)
    return {"p50_ms": statistics.median(waits), "p99_ms": waits[int(len(waits) * 0.99)]}


async def measure_slots(dev: Dev, directory: Path) -> dict[str, float]:
    """Compare batches a second through everything with bare children, interleaved."""
    rounds = []
    for index in range(ROUNDS):
        say(f"slots: round {index + 1} of {ROUNDS}")
        bare = await _bare_children(directory / "storage" / "photo.jpg")
        whole = await _whole_service(dev, directory)
        rounds.append((whole / bare, whole, bare))
    ratio, whole, bare = sorted(rounds)[len(rounds) // 2]
    return {"ratio": ratio, "service_per_s": whole, "bare_per_s": bare}


async def _bare_children(source: Path) -> float:
    jobs = tuple(json.dumps(job).encode() for job in JOBS)
    left = iter(range(BATCHES))

    async def client(sandbox: Sandbox) -> None:
        for _ in left:
            with source.open("rb") as file:
                work = Work(source=file, jobs=jobs, deadline=60)
                async with sandbox.render(work) as rendering:
                    async for result in rendering:
                        assert isinstance(result.outcome, Output)  # noqa: S101
                        result.outcome.file.close()

    async with Sandbox(environ=os.environ) as sandbox:
        began = time.perf_counter()
        await asyncio.gather(*(client(sandbox) for _ in range(sandbox.slots)))
        return BATCHES / (time.perf_counter() - began)


async def _whole_service(dev: Dev, directory: Path) -> float:
    async with _client(dev) as client, _database(directory) as database:
        await _signal(dev, signal.SIGSTOP)
        ids = [await _post(client, dev, JOBS) for _ in range(BATCHES)]
        await _signal(dev, signal.SIGCONT)
        began = time.perf_counter()
        done = 0
        while done < BATCHES:
            await asyncio.sleep(0.1)
            done = await database.fetchval(
                "SELECT count(*) FROM processes WHERE id = ANY($1::text[]) "
                "AND status = 'FINISHED'", ids,
            )  # fmt: skip
        return BATCHES / (time.perf_counter() - began)


async def measure_intake(dev: Dev) -> dict[str, float]:
    """Compare POST /request with a handler that does nothing, interleaved; no worker runs."""
    body = json.dumps({"service_id": dev.service_id, "source": "photo.jpg", "jobs": JOBS[1:]})
    rounds = []
    await _signal(dev, signal.SIGSTOP)
    port = free_port()
    bare_server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.service", "bare", str(port)
    )
    await asyncio.sleep(2)
    try:
        for index in range(ROUNDS):
            say(f"intake: round {index + 1} of {ROUNDS}")
            bare = await _load(port, "/", body, dev)
            post = await _load(int(dev.url.rsplit(":", 1)[1]), "/request", body, dev)
            rounds.append((post["rate"] / bare["rate"], post, bare))
    finally:
        bare_server.terminate()
        await bare_server.wait()
        await _signal(dev, signal.SIGCONT)
    ratio, post, bare = sorted(rounds, key=lambda item: item[0])[len(rounds) // 2]
    return {
        "ratio": ratio,
        "post_per_s": post["rate"],
        "bare_per_s": bare["rate"],
        "p50_ms": post["p50_ms"],
        "p99_ms": post["p99_ms"],
        "failures": post["failures"],
    }


async def _load(port: int, path: str, body: str, dev: Dev) -> dict[str, float]:
    request = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {dev.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", str(port), "4", "64",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate(request.encode())
    measured: dict[str, float] = json.loads(output)
    return measured


@asynccontextmanager
async def _client(dev: Dev) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {dev.token}"}
    async with aiohttp.ClientSession(dev.url, headers=headers, raise_for_status=True) as client:
        yield client


@asynccontextmanager
async def _database(directory: Path) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    socket = (directory / "postgres" / "run").resolve()
    connection = await asyncpg.connect(f"postgresql://darkroom@/postgres?host={socket}")
    try:
        yield connection
    finally:
        await connection.close()


async def _post(client: aiohttp.ClientSession, dev: Dev, jobs: list[dict[str, object]]) -> str:
    body = {"service_id": dev.service_id, "source": "photo.jpg", "jobs": jobs}
    async with client.post("/request", json=body) as answer:
        created = await answer.json()
    return str(created["process_id"])


async def _signal(dev: Dev, number: signal.Signals) -> None:
    os.kill(dev.pids["worker"], number)
    await asyncio.sleep(0.1)


def serve_bare(port: int) -> None:
    """Serve the handler that everything is compared with."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        answer = {"status": "SUCCESS", "process_id": "Fcl_b6psriLi7lBYAshhp"}
        return web.json_response(answer)

    app = web.Application()
    app.router.add_post("/", answer)
    web.run_app(
        app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop()
    )


def main() -> None:
    """Measure, show, and keep the figures in `bench/results/service.json`."""
    if sys.argv[1:2] == ["bare"]:
        serve_bare(int(sys.argv[2]))
        return
    figures = asyncio.run(measure())
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "service.json").write_text(json.dumps(figures, indent=2) + "\n")
    for name, values in figures.items():
        print(name, " ".join(f"{key}={value:.3g}" for key, value in values.items()))  # noqa: T201


if __name__ == "__main__":
    main()
