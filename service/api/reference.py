"""The routes of the reference: the OpenAPI document, and a page that renders it.

Neither needs a token, since neither contains a secret. The page loads nothing from other hosts,
and its Content-Security-Policy forbids it.
"""

import asyncio
import hashlib
from pathlib import Path

import msgspec
from aiohttp import ETag, web

from service.api.openapi import build_document
from service.errors import NotFound
from service.http import JSON
from service.settings import Settings

STATIC = Path(__file__).parent / "static"
ASSETS = {
    "docs.js": STATIC / "docs.js",
    "swagger-ui.css": STATIC / "swagger-ui" / "swagger-ui.css",
    "swagger-ui-bundle.js": STATIC / "swagger-ui" / "swagger-ui-bundle.js",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-cache",  # cache it, but revalidate each time
    "X-Content-Type-Options": "nosniff",
}

REFERENCE: web.AppKey["Reference"] = web.AppKey("reference")

routes = web.RouteTableDef()


class Document:
    """The OpenAPI document as it is answered."""

    def __init__(self, settings: Settings) -> None:
        self.body = msgspec.json.encode(build_document(settings))
        self.etag = ETag(hashlib.sha256(self.body).hexdigest()[:32])


class Reference:
    """Makes the document when it is first asked for: that loads the engine, libvips included."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._document: Document | None = None

    async def document(self) -> Document:
        """Give the document, which is made in a thread."""
        if self._document is None:
            self._document = await asyncio.to_thread(Document, self._settings)
        return self._document


def add_reference(app: web.Application, settings: Settings) -> None:
    """Add the routes of the reference to an application with these settings."""
    app[REFERENCE] = Reference(settings)
    app.add_routes(routes)


@routes.get("/openapi.json")
async def openapi(request: web.Request) -> web.Response:
    """Answer with the OpenAPI document, or with 304 if the client has it."""
    document = await request.app[REFERENCE].document()
    if _has(request, document.etag):
        response = web.Response(status=304, headers=HEADERS)
    else:
        response = web.Response(body=document.body, headers=HEADERS, content_type=JSON)
    response.etag = document.etag
    return response


@routes.get("/docs")
async def docs(_: web.Request) -> web.FileResponse:
    """Answer with the page that renders the document."""
    guarded = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return web.FileResponse(STATIC / "docs.html", headers=HEADERS | guarded)


@routes.get("/docs/{asset}")
async def asset(request: web.Request) -> web.FileResponse:
    """Answer with a script or style sheet of the page."""
    path = ASSETS.get(request.match_info["asset"])
    if path is None:
        raise NotFound("No such file")
    return web.FileResponse(path, headers=HEADERS)


def _has(request: web.Request, etag: ETag) -> bool:
    named = request.if_none_match or ()
    return any(one.value in {etag.value, "*"} for one in named)
