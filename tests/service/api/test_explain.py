"""`POST /explain`: what is told, what it costs, and that nothing else happens."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import redis.asyncio

import engine
from engine.explain import draw
from engine.explain import explain as explanation_of
from service.settings import Settings
from service.store import Store
from tests.engine.images import Json, encoded, noise
from tests.service.api.explaining import batch, explain, refusal
from tests.service.harness.api_client import Api, serving
from tests.service.harness.tenants import PICTURE, SMALL, Tenant, add_tenant, job
from tests.service.harness.workers import done_by, working

BESIDE: Json = {"type": "crop", "width": 5, "height": 5, "fit": False, "xoffset": 900}


async def test_it_explains_what_the_engine_explains_in_three_forms(
    api: Api, tenant: Tenant
) -> None:
    mark = {"type": "watermark", "source": "m/mark.png", "width": 20}
    body = batch(tenant, job("a.png"), job("/b.jpg", SMALL, mark), job("c.webp", BESIDE))
    tenant.put("m/mark.png", encoded(noise(9, 6, 4)))
    read = engine.parse_batch(msgspec.json.encode({k: body[k] for k in ("source", "jobs")}))
    expected = explanation_of(
        engine.Source.from_bytes(PICTURE),
        read.jobs,
        inputs={"m/mark.png": engine.Source.from_path(tenant.folder / "m" / "mark.png")},
    )
    forms = {
        "application/json": msgspec.json.encode(expected),
        "text/plain; charset=utf-8": f"{expected}\n".encode(),
        "image/svg+xml; charset=utf-8": draw(expected).encode(),
    }
    for kind, told in forms.items():
        answer = await explain(api, tenant, body, kind)
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
        assert answer.raw == told
        assert answer.headers["Vary"] == "Accept"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert (await explain(api, tenant, body)).raw == forms["application/json"]


async def test_nothing_is_recorded_dispatched_or_stored(
    api: Api, shared_store: Store, tenant: Tenant, settings: Settings
) -> None:
    async def rows() -> list[int]:
        tables = ("processes", "jobs", "deliveries", "idempotency_keys")
        return [await shared_store.pool.fetchval(f"SELECT count(*) FROM {t}") for t in tables]

    async def queued() -> list[bytes]:
        client = redis.asyncio.Redis.from_url(settings.redis_url)
        found = sorted(await client.keys("*"))
        await client.aclose()
        return found

    files, before, keys = tenant.files(), await rows(), await queued()
    for _ in range(2):
        answer = await api.ask(
            "POST", "/explain", tenant, tenant.body(callback="https://x.example/"),
            {"Idempotency-Key": "one"},
        )  # fmt: skip
        assert (answer.status, "Idempotent-Replayed" in answer.headers) == (200, False)
    assert (tenant.files(), await rows(), await queued()) == (files, before, keys)


def _marked(name: str, marks: range) -> Json:
    return job(name, *({"type": "watermark", "source": f"{mark}.png"} for mark in marks))


WRONG: dict[str, Callable[[Tenant], object]] = {
    "no json": lambda tenant: b"{",
    "no jobs": lambda tenant: {**tenant.body(), "jobs": []},
    "unknown field": lambda tenant: {**tenant.body(), "job": []},
    "bad option": lambda tenant: batch(tenant, job("a.png", {"type": "blur", "sigma": -1})),
    "bad callback": lambda tenant: tenant.body(callback="ftp://x"),
    "bad path": lambda tenant: {**tenant.body(), "source": "../a"},
    "unknown ending": lambda tenant: tenant.body("a.psd"),
    "twice the same": lambda tenant: tenant.body("a.png", "a.png"),
    "many marks": lambda tenant: batch(
        tenant, _marked("a.png", range(33)), _marked("b.png", range(33, 66))
    ),
    "another service": lambda tenant: {**tenant.body(), "service_id": tenant.service_id + 1},
    "too long": lambda tenant: b" " * (1024 * 1024 + 1),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_refused_is_refused_as_a_request_is(
    name: str, api: Api, tenant: Tenant
) -> None:
    body = WRONG[name](tenant)
    refused, expected = await explain(api, tenant, body), await api.post(tenant, body)
    assert (refused.status, refused.words) == (expected.status, expected.words)
    assert refused.status in {400, 403, 413}


async def test_who_may_ask(api: Api, shared_store: Store, tenant: Tenant, tmp_path: Path) -> None:
    for headers in ({}, {"Authorization": "Bearer nobody's"}):
        answer = await api.ask("POST", "/explain", None, tenant.body(), headers)
        assert refusal(answer) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert refusal(await api.ask("GET", "/explain", tenant)) == (405, "method_not_allowed")
    hasty = await add_tenant(shared_store, tmp_path / "hasty", jobs_a_minute=1)
    assert (await explain(api, hasty)).status == 200
    assert refusal(await explain(api, hasty)) == (429, "rate_limited")


SOURCES: dict[str, tuple[bytes | None, int]] = {
    "missing": (None, 404),
    "empty": (b"", 422),
    "corrupt": (PICTURE[:20], 422),
    "strange": (b"%PDF-1.7 and more", 400),
    "long": (PICTURE + bytes(50_000), 422),
    "large": (encoded(np.zeros((300, 300, 1), np.uint8)), 422),
}


async def test_errors_are_those_that_a_worker_would_meet(
    settings: Settings, shared_store: Store, tmp_path: Path
) -> None:
    """Each source and each job, explained and then really done."""
    tight = msgspec.structs.replace(settings, max_source_bytes=40_000, max_source_pixels=80_000)
    tenant = await add_tenant(shared_store, tmp_path / "storage")
    refused = [
        job("beside.png", BESIDE),
        job("font.png", {"type": "annotation", "text": "x", "font": "Nothing Sans"}),
        *(job(f"{name}.png", {"type": "watermark", "source": name}) for name in SOURCES),
    ]
    for name, (data, _) in SOURCES.items():
        if data is not None:
            tenant.put(name, data)
    async with serving(tight) as api, working(tight):
        for name, (_, status) in SOURCES.items():
            body = batch(tenant, job("out.png"), source=name)
            answer = await explain(api, tenant, body)
            [ended] = (await done_by(api, tenant, body))["jobs"]
            assert answer.status == status
            assert answer.words["code"] == ended["error"]["code"]
            if name != "corrupt":  # libvips' own words name the kind of its source
                assert answer.words["message"] == ended["error"]["message"]
        body = batch(tenant, job("good.png"), *refused)
        told = (await explain(api, tenant, body)).words["jobs"]
        done = (await done_by(api, tenant, body))["jobs"]
        for one, other in zip(told, done, strict=True):
            error = one.get("refusal") or {"code": ""}
            assert (one["destination"], error["code"]) == (
                other["destination"], other.get("error", error)["code"],
            )  # fmt: skip
        assert Counter(one["refusal"] is not None for one in told) == {True: len(refused), False: 1}
        limit = 'darkroom_limits_rejected_total{limit="max_source_pixels"}'
        assert await api.metric(limit) == 1


async def test_it_is_counted_as_other_routes_are(api: Api, tenant: Tenant) -> None:
    lines = [
        'darkroom_http_requests_total{method="POST",route="/explain",status="200"}',
        'darkroom_storage_requests_total{op="read",status="ok"}',
    ]
    before = [await api.metric(line) for line in lines]
    answer = await api.ask("POST", "/explain", tenant, tenant.body(), {"X-Request-Id": "mine"})
    assert answer.headers["X-Request-Id"] == "mine"
    assert [await api.metric(line) for line in lines] == [count + 1 for count in before]
