"""Every route over HTTP: authentication, answers, isolation between services."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from structlog.testing import capture_logs
from yarl import URL

from service.ids import new_process_id, new_token, token_hash
from service.store import Store
from tests.service.harness.api_client import Api
from tests.service.harness.records import claimed, done, end, set_row, write
from tests.service.harness.tenants import Tenant, add_tenant, job

ID = re.compile(r"[A-Za-z0-9_-]{21}")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
JSON = "application/json"


async def test_a_process_is_created_and_shown(api: Api, tenant: Tenant) -> None:
    answer = await api.post(tenant, tenant.body("/a.png", "b/c.jpg"))
    assert (answer.status, answer.headers["Content-Type"]) == (200, JSON)
    process_id = answer.words["process_id"]
    assert answer.words == {"status": "SUCCESS", "process_id": process_id}
    assert ID.fullmatch(process_id)
    shown = await api.get(tenant, process_id)
    assert (shown.status, shown.headers["Content-Type"]) == (200, JSON)
    created, updated = shown.words.pop("created_at"), shown.words["updated_at"]
    assert TIME.fullmatch(created)
    assert created == updated
    assert shown.words == {
        "process_id": process_id,
        "status": "QUEUED",
        "attempt": 0,
        "created_at": created,
        "updated_at": updated,
        "created_at_rfc3339": (precise := shown.words["created_at_rfc3339"]),
        "updated_at_rfc3339": precise,
        "jobs": [
            {"destination": "/a.png", "status": "QUEUED"},
            {"destination": "b/c.jpg", "status": "QUEUED"},
        ],
    }


async def test_times_are_utc(api: Api, shared_store: Store, tenant: Tenant) -> None:
    process_id = await api.create(tenant)
    moment = "'2024-01-01 10:00:00+02'"
    await set_row(shared_store, process_id, created_at=moment, updated_at=moment)
    shown = await api.status(tenant, process_id)
    assert (shown["created_at"], shown["updated_at"]) == ("2024-01-01 08:00:00",) * 2


async def test_the_status_has_the_result_or_the_error_of_each_job(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    process_id = await api.create(tenant, tenant.body("a.png", "b.png"))
    claim = await claimed(shared_store, process_id)
    assert (await api.status(tenant, process_id))["status"] == "PROCESSING"
    await write(shared_store, claim, done(0))
    await end(shared_store, msgspec.structs.replace(claim, pending=[1]), failing=True)
    shown = await api.status(tenant, process_id)
    assert shown["status"] == "FAILED"
    assert shown["jobs"] == [
        {
            "destination": "a.png", "status": "DONE", "format": "png", "width": 16, "height": 12,
            "bytes": 9, "sha256": "ab" * 32, "milliseconds": 1,
        },
        {
            "destination": "b.png", "status": "FAILED",
            "error": {"code": "source_not_found", "message": "not there"},
        },
    ]  # fmt: skip


SECRETS = [
    None, "", "Bearer", "Bearer ", "Basic abc", "Bearer wrong", "Bearer drk_" + "a" * 43,
    "Bearer \u00e9\u0142", "Bearer " + "x" * 7000, "bearer: x",
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/request"), ("GET", "/request/" + "a" * 21), ("POST", "/retry")]
)
@pytest.mark.parametrize("secret", SECRETS)
async def test_without_a_valid_token_the_answer_is_401(
    api: Api, method: str, path: str, secret: str | None
) -> None:
    headers = {} if secret is None else {"Authorization": secret}
    answer = await api.ask(method, path, headers=headers, body=b"not even JSON")
    assert answer.status == 401
    assert answer.words == {"message": "Invalid Secret", "code": "unauthorized"}
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_scheme_is_read_in_any_case(api: Api, tenant: Tenant) -> None:
    headers = {"Authorization": f"bEARER  {tenant.token} "}
    answer = await api.ask("POST", "/request", body=tenant.body(), headers=headers)
    assert answer.status == 200


async def test_a_rotated_token_works_beside_the_new_one(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    second, third = new_token(), new_token()

    async def statuses() -> list[int]:
        headers = [{"Authorization": f"Bearer {t}"} for t in (tenant.token, second, third)]
        return [(await api.post(tenant, tenant.body(), each)).status for each in headers]

    await shared_store.services.add_token(tenant.service_id, token_hash(second))
    assert await statuses() == [200, 200, 401]
    await shared_store.services.add_token(tenant.service_id, token_hash(third))
    assert await statuses() == [401, 200, 200]


@pytest.mark.parametrize("path", ["/request", "/retry"])
async def test_a_token_of_another_service_has_no_access(
    api: Api, tenant: Tenant, stranger: Tenant, path: str
) -> None:
    body = tenant.body()
    if path == "/retry":
        body = {"service_id": tenant.service_id, "process_ids": [await api.create(tenant)]}
    answer = await api.ask("POST", path, stranger, body)
    assert answer.status == 403
    assert answer.words == {
        "message": f"service_id: expected {stranger.service_id}, the service of this token, "
        f"got {tenant.service_id}",
        "code": "forbidden",
        "path": "service_id",
    }


async def test_a_service_that_does_not_exist_looks_the_same(api: Api, tenant: Tenant) -> None:
    answer = await api.post(tenant, tenant.body() | {"service_id": 999_999})
    assert (answer.status, answer.words["code"]) == (403, "forbidden")


async def test_a_disabled_service_is_rejected_everywhere(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    process_id = await api.create(tenant)
    await shared_store.services.set_disabled(tenant.service_id, True)
    answers = [
        await api.post(tenant, tenant.body()),
        await api.get(tenant, process_id),
        await api.retry(tenant, process_id),
    ]
    assert [(a.status, a.words["code"]) for a in answers] == [(403, "forbidden")] * 3
    await shared_store.services.set_disabled(tenant.service_id, False)
    assert (await api.get(tenant, process_id)).status == 200


NONSENSE = [
    "a", "a" * 20, "a" * 22, "a" * 21, "\0", "a" * 20 + "\0", "\n", "a" * 20 + "\n", "%", "..",
    "é" * 21, "🜁" * 21, "'; DROP TABLE processes; --", "\u202e" * 21, "0" * 5000, "１" * 21,
]  # fmt: skip


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_an_unknown_id_is_not_found(api: Api, tenant: Tenant, nonsense: str) -> None:
    path = URL(f"/request/{quote(nonsense, safe='')}", encoded=True)
    answer = await api.ask("GET", path, tenant)
    assert answer.status == 404
    assert answer.words["message"]
    if nonsense != "..":
        assert answer.words == {"message": "Process not found", "code": "not_found"}
    retried = await api.retry(tenant, nonsense)
    assert retried.status == 200
    assert retried.words == [
        {"status": 404, "process_id": nonsense, "description": "Process not found"}
    ]


async def test_an_id_of_a_megabyte(api: Api, tenant: Tenant) -> None:
    nearly = "x" * (1024 * 1024 - 200)
    retried = await api.retry(tenant, nearly)
    assert retried.words == [
        {"status": 404, "process_id": nearly, "description": "Process not found"}
    ]
    assert (await api.retry(tenant, nearly + "x" * 200)).status == 413
    assert (await api.get(tenant, "x" * 1024 * 1024)).status in {400, 404, 414}


async def test_a_process_of_another_service_does_not_exist(
    api: Api, shared_store: Store, tenant: Tenant, stranger: Tenant
) -> None:
    theirs = await api.create(tenant)
    await end(shared_store, await claimed(shared_store, theirs))
    foreign = await api.get(stranger, theirs)
    missing = await api.get(stranger, new_process_id())
    assert (foreign.status, foreign.raw) == (missing.status, missing.raw)
    assert foreign.status == 404
    answer = await api.retry(stranger, theirs, all=True)
    assert [line["status"] for line in answer.words] == [404]
    assert (await api.status(tenant, theirs))["status"] == "FINISHED"


@pytest.mark.parametrize(
    ("asked", "allow"),
    [
        ("GET /request", "POST"),
        ("DELETE /request", "POST"),
        ("PURGE /request", "POST"),
        ("PUT /retry", "POST"),
        ("POST /request/aaaaaaaaaaaaaaaaaaaaa", "GET,HEAD"),
        ("POST /livez", "GET,HEAD"),
        ("GET /", None),
        ("GET /request/", None),
        ("GET /request/a/b", None),
        ("POST /requestz", None),
    ],
)
async def test_other_routes_and_methods_are_rejected_as_json(
    api: Api, tenant: Tenant, asked: str, allow: str | None
) -> None:
    method, path = asked.split(" ")
    with capture_logs() as logs:
        answer = await api.ask(method, path, tenant)
    assert answer.headers["Content-Type"] == JSON
    code = "method_not_allowed" if allow else "not_found"
    assert (answer.status, answer.words["code"]) == (405 if allow else 404, code)
    expected = f"expected {allow.replace(',', ', ')}" if allow else "/openapi.json lists all paths"
    assert expected in answer.words["message"]
    assert answer.headers.get("Allow") == allow
    assert [line["error_code"] for line in logs if line["event"] == "request"] == [code]


async def test_every_answer_has_a_request_id(api: Api, tenant: Tenant) -> None:
    ours = {"X-Request-Id": "order:42.a_B-c"}
    for answer in (
        await api.post(tenant, tenant.body(), ours),
        await api.post(tenant, b"[", ours),
        await api.ask("GET", "/nowhere", headers=ours),
        await api.ask("GET", "/livez", headers=ours),
    ):
        assert answer.headers["X-Request-Id"] == "order:42.a_B-c"
    made = [await api.ask("GET", "/nowhere", headers=h) for h in ({}, {"X-Request-Id": "a b<c"})]
    names = [answer.headers["X-Request-Id"] for answer in made]
    assert all(re.fullmatch(r"[0-9a-f]{24}", name) for name in names)
    assert len(set(names)) == 2


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", False),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", False),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", False),
        ("nonsense", False),
    ],
)
async def test_a_trace_is_kept_with_the_process_if_it_is_one(
    api: Api, shared_store: Store, tenant: Tenant, came: str, kept: bool
) -> None:
    answer = await api.post(tenant, tenant.body(), {"traceparent": came})
    claim = await claimed(shared_store, answer.words["process_id"])
    assert claim.traceparent == (came if kept else None)


async def test_a_quota_is_the_services_own(
    api: Api, shared_store: Store, tenant: Tenant, tmp_path: Path
) -> None:
    limited = await add_tenant(shared_store, tmp_path / "limited", jobs_a_minute=3)
    before = await api.metric('darkroom_rate_limited_total{reason="quota"}')
    answers = [await api.get(limited, new_process_id()) for _ in range(5)]
    assert [answer.status for answer in answers] == [404, 404, 404, 429, 429]
    refused = answers[3]
    assert refused.words["code"] == "rate_limited"
    assert "Too many requests" in refused.words["message"]
    assert 15 <= int(refused.headers["Retry-After"]) <= 20
    assert (await api.post(limited, limited.body())).status == 429
    assert (await api.post(tenant, tenant.body())).status == 200
    assert await api.metric('darkroom_rate_limited_total{reason="quota"}') == before + 3


async def test_answers_are_counted_by_route_not_by_id(api: Api, tenant: Tenant) -> None:
    line = 'darkroom_http_requests_total{method="%s",route="%s",status="%s"}'
    kinds = [
        ("POST", "/request", "200"), ("POST", "/request", "400"), ("GET", "none", "404"),
        ("GET", "/request/{process_id}", "404"), ("other", "none", "405"),
    ]  # fmt: skip
    accepted = 'darkroom_processes_accepted_total{priority="high"}'
    lines = [accepted, *(line % kind for kind in kinds)]
    before = [await api.metric(text) for text in lines]
    await api.post(tenant, tenant.body(priority="high"))
    await api.post(tenant, b"")
    await api.ask("GET", "/nowhere")
    await api.get(tenant, "nobody")
    await api.ask("PURGE", "/retry")
    assert [await api.metric(text) for text in lines] == [number + 1 for number in before]
    text = (await api.ask("GET", "/metrics")).raw.decode()
    assert "darkroom_http_request_duration_seconds_bucket" in text
    assert 'darkroom_build_info{libvips="8.' in text
    assert tenant.token not in text


async def test_every_priority_is_accepted_and_recorded(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    seen = []
    for priority in ("low", "normal", "high"):
        claim = await claimed(
            shared_store, await api.create(tenant, tenant.body(priority=priority))
        )
        seen.append(claim.priority)
    assert seen == [-1, 0, 1]


async def test_the_request_is_recorded_as_it_was_written(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    body = tenant.body(callback="https://example.com/é?a=1")
    body["jobs"] = [job("ü/ø.png", quality="70")]
    written = json.dumps(body, ensure_ascii=False, indent=1).encode()
    answer = await api.post(tenant, written)
    claim = await claimed(shared_store, answer.words["process_id"])
    assert claim.request.encode() == written
    assert (await api.status(tenant, claim.id))["jobs"][0]["destination"] == "ü/ø.png"
