"""The liveness and readiness probes and the metrics of an API or worker."""

import asyncio
from collections.abc import Callable, Sequence

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from service.http.middleware import METRICS, json_response
from service.outages import POSTGRES, outages
from service.store import Store, pending

READINESS: web.AppKey["Readiness"] = web.AppKey("readiness")

routes = web.RouteTableDef()


class Readiness:
    """Whether this API or worker is ready: Postgres is available, migrated, and it is not draining.

    Nor may one of its background tasks be down.

    Redis is not checked: without it requests are still accepted, and dispatched later.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.draining = False
        self.missing_protections: Callable[[], Sequence[str]] = tuple
        """What is not in force in the children though it should be; the operator allows that."""

        self.tasks_down: Callable[[], Sequence[str]] = tuple
        """The background tasks that have failed and are not steady again."""

    async def reason(self) -> str | None:
        """Return the reason why it is not ready, or None."""
        if self.draining:
            return "draining"
        try:
            async with asyncio.timeout(3):
                await self._store.ping()
                missing = await pending(self._store.pool)
        except Exception as error:  # whatever it is, this is not ready
            outages.failed(POSTGRES, error)
            return f"database: {type(error).__name__}"
        outages.worked(POSTGRES)
        if missing:
            return f"migrations missing: {', '.join(missing)}"
        down = self.tasks_down()
        return f"tasks down: {', '.join(down)}" if down else None


@routes.get("/livez")
async def livez(_: web.Request) -> web.Response:
    """Answer 200, which shows that the event loop runs."""
    return json_response({"status": "alive"})


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """Answer 200 if ready, else 503 with the reason; tells which protections are missing."""
    readiness = request.app[READINESS]
    reason = await readiness.reason()
    if reason is not None:
        return json_response({"status": "not ready", "reason": reason}, 503)
    missing = readiness.missing_protections()
    told = {"missing_protections": ", ".join(missing)} if missing else {}
    return json_response({"status": "ready", **told})


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Answer with the metrics in the Prometheus text format."""
    body = request.app[METRICS].expose()
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
