"""A small load generator: one request, sent again and again over persistent connections.

    python -m bench.load PORT SECONDS CONNECTIONS < request

Standard input is the raw HTTP request. Prints JSON: requests a second, latencies in
milliseconds (p50, p99), and how many answers were not 200.
"""

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

HOST = "127.0.0.1"


class Connection(asyncio.Protocol):
    """One persistent connection: sends, waits for the whole answer, sends again."""

    def __init__(self, request: bytes, until: float, latencies: list[float]) -> None:
        self._request = request
        self._until = until
        self._latencies = latencies
        self._received = b""
        self._sent = 0.0
        self.failures = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take what came; when an answer is whole, send the next request."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        self._latencies.append(time.perf_counter() - self._sent)
        self.failures += not head.startswith(b"HTTP/1.1 200 ")
        self._received = b""
        if time.perf_counter() < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Be done."""
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)


def _content_length(head: bytes) -> int:
    lower = head.lower()
    start = lower.index(b"content-length:") + 15
    return int(lower[start:].split(b"\r\n", 1)[0])


async def load(request: bytes, port: int, seconds: float, connections: int) -> dict[str, float]:
    """Load a server for so many seconds; returns the rate and the latencies."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    began = time.perf_counter()
    made = [
        await loop.create_connection(
            lambda: Connection(request, began + seconds, latencies), HOST, port
        )
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for _, connection in made))
    took = time.perf_counter() - began
    latencies.sort()
    return {
        "rate": len(latencies) / took,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1000,
        "failures": sum(connection.failures for _, connection in made),
    }


if __name__ == "__main__":
    port, seconds, connections = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(uvloop.run(load(sys.stdin.buffer.read(), port, seconds, connections))))  # noqa: T201
