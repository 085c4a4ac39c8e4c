"""A service as a test sees it: its folder, its token, and what it asks for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.ids import new_process_id, new_token, new_webhook_secret, token_hash
from service.settings import Settings
from service.store import Store
from tests.engine.images import encoded, smooth

Words = dict[str, Any]

PICTURE = encoded(smooth(64, 48))
SMALL: Words = {"type": "resize", "width": 16}


@dataclass
class Tenant:
    """A service with one token and a folder that holds `in.png`, 64 × 48."""

    service_id: int
    token: str
    webhook_secret: str
    folder: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def put(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def files(self) -> set[str]:
        """Return what is in the folder, source included."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)) for path in found}

    def body(self, *destinations: str, **fields: Any) -> Words:
        """Make the body of a request with one small job for each destination."""
        jobs = [job(name) for name in destinations or ("out.png",)]
        return {"service_id": self.service_id, "source": "/in.png", "jobs": jobs, **fields}


def job(destination: str, *transformations: Words, **fields: Any) -> Words:
    return {"destination": destination, "transformations": transformations or [SMALL], **fields}


async def add_tenant(
    store: Store, folder: Path, *, storage: str = "", jobs_a_minute: int | None = None,
    options: Mapping[str, object] | None = None,
) -> Tenant:  # fmt: skip
    """Record a service whose storage is the folder, or another one."""
    token, secret = new_token(), new_webhook_secret()
    service_id = await store.services.add(
        name=new_process_id(),
        storage_url=storage or folder.as_uri(),
        storage_options=options or {},
        webhook_secret=secret,
        token_hash=token_hash(token),
        jobs_a_minute=jobs_a_minute,
    )
    tenant = Tenant(service_id, token, secret, folder)
    tenant.put("in.png", PICTURE)
    return tenant


def raw_json(words: object) -> bytes:
    return words if isinstance(words, bytes) else json.dumps(words).encode()


def quick(database_url: str, redis_url: str, **changes: Any) -> Settings:
    """Settings for tests: short waits, a free port, receivers on this machine allowed.

    No children rest: what a test does not need is not started.
    """
    return Settings(
        **{
            "database_url": database_url,
            "redis_url": redis_url,
            "metrics_port": 0,
            "slots": 1,
            "resting_children": 0,
            "token_cache_seconds": 0.001,
            "reconcile_seconds": 0.25,
            "dispatch_grace_seconds": 2.0,
            "callback_private_networks": True,
            "callback_ports": "*",
            **changes,
        }
    )
