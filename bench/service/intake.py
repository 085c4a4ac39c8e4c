"""POST /request beside a bare aiohttp handler, loaded by the same client on the same cores."""

import asyncio
import json
import statistics
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvloop
from aiohttp import web

from bench.service.stack import Stack
from bench.workloads import Workload

SECONDS, CONNECTIONS = 4, 64


async def measure_intake(
    stack: Stack, workload: Workload, rounds: int, say: Callable[[str], None]
) -> dict[str, float]:
    """Compare them in turn, the worker stopped; gives ratios and requests a second."""
    body = json.dumps(stack.body(workload.source, workload.jobs))
    pairs = []
    stack.worker.suspend()
    try:
        async with _bare_server() as port:
            for index in range(rounds):
                say(f"intake: round {index + 1} of {rounds}")
                bare = await _load(port, "/", body, stack)
                post = await _load(stack.port, "/request", body, stack)
                pairs.append((post["rate"] / bare["rate"], post, bare))
    finally:
        stack.worker.resume()
    await stack.database.execute("DELETE FROM processes WHERE status = 'QUEUED'")
    ratio, post, bare = sorted(pairs, key=lambda pair: pair[0])[len(pairs) // 2]
    return {
        "ratio": ratio,
        "lowest": min(pair[0] for pair in pairs),
        "post_per_s": post["rate"],
        "bare_per_s": bare["rate"],
        "p50_ms": post["p50_ms"],
        "p99_ms": post["p99_ms"],
        "failures": statistics.fmean(pair[1]["failures"] for pair in pairs),
    }


async def _load(port: int, path: str, body: str, stack: Stack) -> dict[str, float]:
    request = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {stack.told['token']}"
        f"\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.service.load", str(port), str(SECONDS), str(CONNECTIONS),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate(request.encode())
    measured: dict[str, float] = json.loads(output)
    return measured


@asynccontextmanager
async def _bare_server() -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.service.intake", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None  # noqa: S101
        yield int(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


async def serve_bare() -> None:
    """Serve the handler that everything is compared with, and print where."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        words = {"status": "SUCCESS", "process_id": "Fcl_b6psriLi7lBYAshhp"}
        return web.json_response(words)

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)  # noqa: T201
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve_bare())
