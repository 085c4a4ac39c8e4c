"""The commands that look into a running installation and steer it."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import msgspec
from click.testing import CliRunner, Result

from service.cli import main
from service.dispatch import RENDER, Dispatch, connect
from service.embedded import Postgres
from service.ids import token_hash
from service.settings import Settings, as_environment
from service.store import Due, Store, Try
from tests.databases import fresh_database
from tests.service.harness.receiver import due
from tests.service.harness.records import claimed_new, end, field, recorded
from tests.service.harness.tenants import Tenant

MINUTE = timedelta(minutes=1)


async def darkroom(settings: Settings, *arguments: str) -> Result:
    environment = as_environment(msgspec.structs.asdict(settings))
    runner = CliRunner()
    return await asyncio.to_thread(runner.invoke, main, arguments, env=environment)


def lines(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_processes_are_listed_shown_and_retried(
    settings: Settings, store: Store, tenant: Tenant, stranger: Tenant
) -> None:
    waiting = await recorded(store, tenant)
    failed = await claimed_new(store, tenant, "a.png", "b.png")
    await end(store, failed, failing=True)
    theirs = await recorded(store, stranger)

    everything = lines(await darkroom(settings, "processes", "list", "--json"))
    assert [row["id"] for row in everything] == [theirs, failed.id, waiting]
    mine = ["processes", "list", "--service", str(tenant.service_id), "--json"]
    [row] = lines(await darkroom(settings, *mine, "--status", "FAILED", "--since", "1h"))
    assert (row["id"], row["jobs"], row["failed"]) == (failed.id, 2, 2)
    assert row["errors"] == ["source_not_found"]
    assert lines(await darkroom(settings, *mine, "--until", "1h")) == []
    assert len(lines(await darkroom(settings, *mine, "--limit", "1"))) == 1
    people = (await darkroom(settings, "processes", "list")).stdout.splitlines()
    assert people[0].split()[:3] == ["id", "service_id", "status"]
    assert "source_not_found" in people[2]
    assert "expected 30m" in (await darkroom(settings, *mine, "--since", "soon")).output

    status = json.loads((await darkroom(settings, "processes", "show", failed.id)).stdout)
    assert status["jobs"][0]["error"]["code"] == "source_not_found"
    assert (await darkroom(settings, "processes", "show", "nothing")).exit_code == 1

    running = await claimed_new(store, tenant)
    cancelled = await darkroom(settings, "processes", "cancel", theirs, running.id, failed.id)
    assert cancelled.stdout.splitlines() == [
        f"{theirs}: cancelled",
        f"{running.id}: cancelled; its worker is stopping it",
        f"{failed.id}: has already ended: FAILED",
    ]
    assert cancelled.exit_code == 1
    away = msgspec.structs.replace(settings, redis_url="unix:///nowhere")
    without = await darkroom(away, "processes", "cancel", running.id)
    assert without.stdout == f"{running.id}: cancelled; its worker is stopping it\n"
    assert "Redis cannot be reached" in without.stderr
    assert "workers learn of it within 10 s" in without.stderr

    again = await darkroom(settings, "processes", "retry", failed.id)
    assert (again.exit_code, again.stdout) == (0, f"{failed.id}: queued again, attempt 1\n")
    assert await field(store, failed.id, "due_at <= now()")
    run = await field(store, failed.id, "run")
    async with aclosing(connect(settings.redis_url)) as redis:
        waiting_now = [Dispatch.parse(each.decode()) for each in await redis.zrange(RENDER, 0, -1)]
    assert waiting_now == [Dispatch(failed.id, run, service_id=tenant.service_id)]
    refused = await darkroom(settings, "processes", "retry", waiting, "-hothing", "--thing")
    assert refused.exit_code == 1
    assert "is still QUEUED" in refused.stdout
    assert refused.stdout.count("no such process") == 2


async def test_a_callback_is_sent_again_with_all_its_tries(
    settings: Settings, store: Store, tenant: Tenant
) -> None:
    callback = await due(store, tenant, "https://shop.example/hook")
    [held] = await store.deliveries.claim([Due(id=callback, tries=0)], MINUTE, 9)
    tried = Try(delivery=held, status="FAILED", answered=500, error="answered 500")
    await store.deliveries.record_tries([tried])
    await store.pool.execute("UPDATE deliveries SET created_at = now() - interval '9 days'")
    failed = ["callbacks", "list", "--status", "FAILED", "--json"]
    [row] = lines(await darkroom(settings, *failed))
    assert (row["id"], row["last_status"], row["tries"]) == (callback, 500, 1)

    result = await darkroom(settings, "callbacks", "redeliver", callback, "msg_nothing")
    assert result.exit_code == 1
    assert result.stdout == (f"{callback}: queued again\nmsg_nothing: no such callback\n")
    assert lines(await darkroom(settings, *failed)) == []
    [sent] = await store.deliveries.take_due(9, MINUTE)
    [again] = await store.deliveries.claim([Due(id=callback, tries=sent.tries)], MINUTE, 9)
    assert again.age < 60, "it is not given up for its age"

    # one that is still tried keeps its count, and is due now
    await darkroom(settings, "callbacks", "redeliver", callback)
    assert [each.tries for each in await store.deliveries.take_due(9, MINUTE)] == [1]


async def test_an_empty_list_has_a_head_and_an_unknown_service_is_an_error(
    settings: Settings, tenant: Tenant
) -> None:
    empty = await darkroom(settings, "processes", "list", "--service", str(tenant.service_id))
    assert (empty.exit_code, empty.stdout.split()[:2]) == (0, ["id", "service_id"])
    quarantined = await darkroom(settings, "services", "list-quarantined")
    assert quarantined.stdout.split() == ["service_id", "sha256", "size", "crashes", "until"]
    for listing in (
        ["tokens", "list", "99"],
        ["presets", "list", "99"],
        ["processes", "list", "--service", "99"],
        ["callbacks", "list", "--service", "99"],
    ):
        unknown = await darkroom(settings, *listing)
        assert (unknown.exit_code, unknown.stdout) == (1, "")
        assert "There is no service 99" in unknown.stderr


async def test_a_token_is_listed_and_revoked(
    settings: Settings, store: Store, tenant: Tenant
) -> None:
    number = str(tenant.service_id)
    rotated = lines(await darkroom(settings, "services", "rotate-token", number))[0]["token"]
    first, second = lines(await darkroom(settings, "tokens", "list", number, "--json"))
    assert token_hash(rotated).hex().startswith(second["id"])
    told = (await darkroom(settings, "tokens", "revoke", tenant.token)).stdout
    assert re.match(rf"Revoked {first['id']} of service {number} \(.*\), which has 1 left\.", told)
    assert f"{settings.token_cache_seconds:g} s" in told
    assert await store.services.holder(token_hash(tenant.token)) is None
    assert await store.services.holder(token_hash(rotated)) is not None
    assert (await darkroom(settings, "tokens", "revoke", second["id"])).exit_code == 0
    assert (await darkroom(settings, "tokens", "revoke", second["id"])).exit_code == 1


async def test_a_service_is_shown_without_secrets_and_its_quota_is_changed(
    settings: Settings, store: Store, tenant: Tenant
) -> None:
    number = str(tenant.service_id)
    keys = {"endpoint": "http://127.0.0.1:1", "access_key": "k3y", "secret_key": "s3cret"}
    await store.services.set_storage(tenant.service_id, "s3://bucket/shop", keys)
    assert (await darkroom(settings, "services", "set-quota", number, "600")).exit_code == 0
    await darkroom(settings, "services", "set-weight", number, "2.5")
    await darkroom(settings, "services", "set-source-hosts", number, "a.example")
    told = (await darkroom(settings, "services", "show", number)).stdout
    service = json.loads(told)
    assert service["jobs_a_minute"] == 600
    assert (service["weight"], service["source_hosts"]) == (2.5, ["a.example"])
    assert service["storage_options"] == {"endpoint": "http://127.0.0.1:1"}
    assert [len(token["id"]) for token in service["tokens"]] == [12]
    assert not [secret for secret in ("k3y", "s3cret", tenant.webhook_secret) if secret in told]
    await darkroom(settings, "services", "set-quota", number, "0")
    holder = await store.services.holder(token_hash(tenant.token))
    assert holder is not None
    assert holder.jobs_a_minute is None
    assert (await darkroom(settings, "services", "set-quota", "99", "1")).exit_code == 1


async def test_the_doctor_finds_what_is_wrong_and_says_what_to_do(
    settings: Settings, store: Store, tenant: Tenant, stranger: Tenant, tmp_path: Path
) -> None:
    missing = tmp_path / "gone"
    await store.services.set_storage(stranger.service_id, missing.as_uri(), {})
    result = await darkroom(settings, "doctor", "--json")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    verdicts = {(each["check"], each["verdict"]) for each in found}
    assert verdicts >= {
        ("settings", "ok"), ("postgres", "ok"), ("migrations", "ok"), ("storage", "ok"),
        ("storage", "fail"), ("sandbox", "ok"), ("fonts", "ok"), ("heic", "ok"),
    }  # fmt: skip
    [durability] = [e for e in found if e["check"] == "postgres" and e["verdict"] == "warn"]
    assert "fsync" in durability["message"]
    [storage] = [each for each in found if each["verdict"] == "fail"]
    assert f"services set-storage {stranger.service_id}" in storage["advice"]
    assert result.exit_code == 1


async def test_the_doctor_without_anything(
    settings: Settings, postgres: Postgres, tmp_path: Path
) -> None:
    change = msgspec.structs.replace
    async with fresh_database(postgres) as empty:
        bare = change(settings, database_url=empty, redis_url=f"unix://{tmp_path}/none",
                      fonts=str(tmp_path / "none"))  # fmt: skip
        told = (await darkroom(bare, "doctor")).output
    failures = re.findall(r"^fail +(\w+)", told, re.MULTILINE)
    assert failures == ["migrations", "redis", "fonts"]
    assert "→ run `darkroom migrate`" in told
    wrong = await asyncio.to_thread(
        CliRunner().invoke, main, ["doctor"], env={"DARKROOM_PORT": "many"}
    )
    assert wrong.exit_code == 1
    assert "DARKROOM_PORT" in wrong.output


def leaves(command: click.Command) -> Iterator[click.Command]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from leaves(below)
    yield command


def test_every_command_and_option_says_what_it_does() -> None:
    for command in leaves(main):
        assert (command.help or "").split("\n\n")[0].rstrip("\b").endswith("."), command.name
        options = [each for each in command.params if isinstance(each, click.Option)]
        silent = [each.name for each in options if not (each.help or each.name == "limit")]
        assert silent == [], command.name
