"""Probes, and what the API still does while Postgres or Redis is unavailable."""

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import msgspec
import pytest

from service.api import run_server
from service.dev.stack import free_port
from service.embedded import Postgres
from service.http.probes import READINESS
from service.settings import Settings
from service.store import Store, migrate, open_store
from service.store.migrator import known
from tests.service.harness.api_client import Answer, Api, serving
from tests.service.harness.receiver import talking
from tests.service.harness.tenants import Tenant, add_tenant, quick
from tests.service.sandbox.sandboxes import until


async def ready(api: Api) -> tuple[int, str]:
    answer = await api.ask("GET", "/readyz")
    return answer.status, answer.words.get("reason", "")


async def test_a_healthy_api(api: Api) -> None:
    assert await ready(api) == (200, "")
    alive = await api.ask("GET", "/livez")
    assert (alive.status, alive.words) == (200, {"status": "alive"})


async def test_readiness_names_protections_that_are_missing(settings: Settings) -> None:
    async with serving(settings) as api:
        api.app[READINESS].missing_protections = lambda: ("landlock-files", "seccomp")
        told = (await api.ask("GET", "/readyz")).words
        assert told == {"status": "ready", "missing_protections": "landlock-files, seccomp"}


async def test_a_draining_api_is_alive_and_not_ready(settings: Settings, tenant: Tenant) -> None:
    async with serving(settings) as api:
        api.app[READINESS].draining = True
        assert await ready(api) == (503, "draining")
        assert (await api.ask("GET", "/livez")).status == 200
        assert (await api.post(tenant, tenant.body())).status == 200  # until nobody sends more


async def test_an_api_that_leaves_answers_those_who_have_not_heard_of_it(
    settings: Settings, tenant: Tenant
) -> None:
    changes = {"port": free_port(), "leave_seconds": 0.5}
    api = asyncio.create_task(run_server(msgspec.structs.replace(settings, **changes)))
    url = f"http://127.0.0.1:{changes['port']}"
    async with aiohttp.ClientSession(url, headers=tenant.headers) as client:

        async def ask(method: str, path: str, **body: object) -> tuple[int, str]:
            async with client.request(method, path, **body) as answer:  # type: ignore[arg-type]
                return answer.status, answer.headers.get("Connection", "keep-alive")

        async with asyncio.timeout(60):
            while not await reachable(changes["port"]):
                await asyncio.sleep(0.01)
        assert await ask("GET", "/readyz") == (200, "keep-alive")
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            while (await ask("GET", "/readyz"))[0] == 200:
                await asyncio.sleep(0.01)
        assert await ask("GET", "/readyz") == (503, "close")
        assert await ask("POST", "/request", json=tenant.body()) == (200, "close")
        await api
        assert not await reachable(changes["port"])


async def reachable(port: float) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", int(port))
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def test_missing_migrations_are_named(database: str, settings: Settings) -> None:
    async with serving(quick(database, settings.redis_url)) as api:
        status, reason = await ready(api)
        assert status == 503
        assert all(name in reason for name in known())
        await migrate(database)
        assert await ready(api) == (200, "")


async def test_a_redis_that_does_not_answer_delays_no_request(
    settings: Settings, tenant: Tenant
) -> None:
    ended = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await ended.wait()

    async with talking(silent) as port:
        deaf = msgspec.structs.replace(settings, redis_url=f"redis://127.0.0.1:{port}/0")
        async with serving(deaf) as api:
            async with asyncio.timeout(4):  # less than the time limit of Redis, 5 s
                await api.create(tenant)
            ended.set()


@pytest.mark.parametrize("url", ["unix:///nowhere/redis.sock", "redis://127.0.0.1:1/0"])
async def test_without_redis_requests_are_accepted_and_dispatched_later(
    settings: Settings, shared_store: Store, tenant: Tenant, url: str
) -> None:
    async with serving(msgspec.structs.replace(settings, redis_url=url)) as api:
        assert (await ready(api))[0] == 200
        process_id = await api.create(tenant)
        assert (await api.status(tenant, process_id))["status"] == "QUEUED"
    await shared_store.pool.execute("UPDATE processes SET due_at = now() WHERE id = $1", process_id)
    due = await shared_store.processes.waiting(1000)
    assert process_id in {row.id for row in due}


async def asked(api: Api, tenant: Tenant, process_id: str) -> list[Answer]:
    answers = [await api.post(tenant, tenant.body()), await api.get(tenant, process_id)]
    return [*answers, await api.retry(tenant, process_id)]


async def test_without_postgres_it_is_unavailable(settings: Settings, tmp_path: Path) -> None:
    async with Postgres(tmp_path / "postgres", durable=False) as server:
        await migrate(server.dsn)
        async with open_store(server.dsn, size=1) as store:
            tenant = await add_tenant(store, tmp_path / "storage")
        lasting = msgspec.structs.replace(
            quick(server.dsn, settings.redis_url), token_cache_seconds=60.0
        )
        async with serving(lasting) as api:
            process_id = await api.create(tenant)
            for end in (signal.SIGKILL, signal.SIGINT):
                os.kill(server.pid, end)
                if end == signal.SIGINT:  # unlike a killed one, it removes its socket
                    sockets = server.directory / "run"
                    await until(lambda: not [*sockets.glob(".s.PGSQL.5432")])  # noqa: B023
                await server.kill()
                for _ in range(2):  # at first connections break, then none can be made
                    status, reason = await ready(api)
                    assert (status, reason.partition(":")[0]) == (503, "database")
                    for answer in await asked(api, tenant, process_id):
                        assert (answer.status, answer.words["code"]) == (503, "unavailable")
                        assert answer.headers["Retry-After"] == "2"
                        assert "sock" not in answer.words["message"]
                assert (await api.ask("GET", "/livez")).status == 200
                await server.start()
                assert await ready(api) == (200, "")
                statuses = [answer.status for answer in await asked(api, tenant, process_id)]
                assert statuses == [200, 200, 200]


@pytest.mark.parametrize(
    "state",
    ["25P03", "25P04", "40001", "40P01", "53000", "53100", "53200", "55P03", "57P03", "58030"],
)
async def test_a_postgres_that_cannot_serve_is_unavailable(
    settings: Settings, shared_store: Store, tenant: Tenant, state: str
) -> None:
    """Whatever its reason is; a full disk is 53100."""
    await shared_store.pool.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$; "
        "CREATE TRIGGER fails BEFORE INSERT ON processes EXECUTE FUNCTION fail()"
    )
    try:
        async with serving(settings) as api:
            answer = await api.post(tenant, tenant.body())
    finally:
        await shared_store.pool.execute("DROP FUNCTION fail CASCADE")
    assert (answer.status, answer.words["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "2"


async def test_a_postgres_that_only_reads_is_unavailable_for_what_writes(
    settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    name = await shared_store.pool.fetchval("SELECT current_database()")
    read_only = f"ALTER DATABASE {name} SET default_transaction_read_only = "
    await shared_store.pool.execute(read_only + "on")
    try:
        async with serving(settings) as api:
            for answer in (
                await api.post(tenant, tenant.body()),
                await api.post(tenant, tenant.body(), {"Idempotency-Key": "k"}),
            ):
                assert (answer.status, answer.words["code"]) == (503, "unavailable")
            assert (await api.get(tenant, "a" * 21)).status == 404
    finally:
        await shared_store.pool.execute(read_only + "off")


async def test_a_connection_that_an_administrator_ends_is_no_error_of_ours(
    settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    async with serving(settings) as api:
        async with shared_store.pool.acquire() as other, other.transaction():
            await other.execute("LOCK TABLE processes IN ACCESS EXCLUSIVE MODE")
            asking = asyncio.create_task(api.post(tenant, tenant.body()))
            await asyncio.wait([asking], timeout=0.1)
            await other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            answer = await asking
        assert (answer.status, answer.words["code"]) == (503, "unavailable")
        assert (await api.post(tenant, tenant.body())).status == 200
