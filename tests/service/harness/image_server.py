"""A server of images over TLS, as a client may name one."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from multidict import CIMultiDictProxy

from tests.service.harness.receiver import Talk, talking


@dataclass
class ImageServer:
    """Serves `files`, in ranges unless told otherwise, and answers each status by its path."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    asked: list[CIMultiDictProxy[str]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"https://localhost:{self.port}/{path}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.headers)
        path = request.path.removeprefix("/")
        if path.isdecimal():
            return web.Response(status=int(path), headers={"Location": self.url("in.png")})
        if path not in self.files:
            return web.Response(status=404)
        data, headers = self.files[path], {"ETag": f'"{hash(path)}"'}
        wanted = request.http_range
        if not self.ranges or wanted.start is None:
            return web.Response(body=data, headers=headers)
        if not data:
            return web.Response(status=416)
        part = data[wanted]
        end = wanted.start + len(part) - 1
        headers["Content-Range"] = f"bytes {wanted.start}-{end}/{len(data)}"
        return web.Response(status=206, body=part, headers=headers)


class Authority:
    """Makes certificates; one that is trusted is for as long as the monkeypatch lasts."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool = True
    ) -> None:
        self._ca = trustme.CA()
        if trusted:
            self._ca.cert_pem.write_to_path(folder / "ca.pem")
            monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))

    def context(self, name: str = "localhost") -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._ca.issue_cert(name).configure_cert(context)
        return context


@asynccontextmanager
async def serving_images(tls: ssl.SSLContext) -> AsyncIterator[ImageServer]:
    server = ImageServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def talking_tls(talk: Talk, tls: ssl.SSLContext) -> AsyncIterator[str]:
    """Run a server that speaks as it likes; yields its URL."""
    async with talking(talk, tls) as port:
        yield f"https://localhost:{port}/in.png"
