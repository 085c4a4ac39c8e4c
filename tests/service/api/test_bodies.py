"""Bad bodies over HTTP: what was expected, where, what came; and nothing is recorded."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from service.settings import Settings
from service.store import Store
from tests.engine.images import VECTORS
from tests.service.harness.api_client import Answer, Api, serving
from tests.service.harness.tenants import Tenant, Words, job, raw_json

VALIDATION = json.loads((VECTORS / "validation.json").read_text())
AT = "jobs[0].transformations[0]"


@pytest.fixture(autouse=True)
async def recorded(
    request: pytest.FixtureRequest, shared_store: Store, tenant: Tenant
) -> AsyncIterator[None]:
    """What is refused leaves no row behind."""
    yield
    count = "SELECT count(*) FROM processes WHERE service_id = $1"
    rows = await shared_store.pool.fetchval(count, tenant.service_id)
    assert (rows > 0) == ("accepting" in request.fixturenames)


@pytest.fixture
def accepting() -> None:
    """For tests that have something accepted."""


def told(answer: Answer) -> tuple[str, str, str]:
    """Return code, path and message of a 400."""
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json")
    words = answer.words
    assert words["message"]
    assert set(words) <= {"message", "code", "path"}
    if path := words.get("path"):
        assert path in words["message"]
    return words["code"], words.get("path", ""), words["message"]


@pytest.mark.parametrize("words", VALIDATION["must_be_rejected_400"], ids=json.dumps)
async def test_each_transformation_that_must_be_refused(
    api: Api, tenant: Tenant, words: Words
) -> None:
    body = tenant.body() | {"jobs": [job("out.png", words)]}
    code, path, _ = told(await api.post(tenant, body))
    assert code in {"invalid_request", "missing_field", "unknown_field"}
    assert path.startswith(AT)
    field = path.removeprefix(AT).removeprefix(".")
    assert field in {"", "type", "degrees", "text", *words}


@pytest.mark.usefixtures("accepting")
async def test_each_transformation_that_must_be_accepted(api: Api, tenant: Tenant) -> None:
    for words in VALIDATION["must_be_accepted"]:
        answer = await api.post(tenant, tenant.body() | {"jobs": [job("out.png", words)]})
        assert answer.status == 200, words


@pytest.mark.usefixtures("accepting")
async def test_numbers_may_be_strings(api: Api, tenant: Tenant) -> None:
    words = {"type": "crop", "width": "750", "height": "500", "xoffset": "50%", "fit": "true"}
    jobs = [job("a.png", words, {"type": "brightness", "bright_level": "230"}, quality="70")]
    body = tenant.body() | {"jobs": jobs, "service_id": str(tenant.service_id)}
    await api.create(tenant, body)


BODIES: list[tuple[bytes, str]] = [
    (b"", "invalid_json"),
    (b"   ", "invalid_json"),
    (b"nonsense", "invalid_json"),
    (b'{"service_id": 1', "invalid_json"),
    (b'{"service_id": 1,}', "invalid_json"),
    (b"{'service_id': 1}", "invalid_json"),
    (b'{"service_id": NaN}', "invalid_json"),
    (b"{} {}", "missing_field"),
    (b"[]", "invalid_request"),
    (b"null", "invalid_request"),
    (b'"text"', "invalid_request"),
    (b"12", "invalid_request"),
    (b"{}", "missing_field"),
    (b"\xff\xfe", "invalid_json"),
    (b"\x1f\x8b\x08\x00nonsense", "invalid_json"),
    (b"a=1&b=2", "invalid_json"),
]


@pytest.mark.parametrize(("body", "code"), BODIES)
@pytest.mark.parametrize("path", ["/request", "/retry"])
async def test_a_body_that_is_no_request(
    api: Api, tenant: Tenant, path: str, body: bytes, code: str
) -> None:
    answer = await api.ask("POST", path, tenant, body)
    assert told(answer)[0] in {code, "invalid_json"}


@pytest.mark.parametrize(
    "raw",
    [
        b'"in\xff.png"',  # not UTF-8
        b'"\xed\xa0\x80.png"',  # half a surrogate pair, in UTF-8
        b'"\\ud800.png"',  # the same, escaped
        b'"\\u0000.png"',
        b'"in\0.png"',
        b'"in\n.png"',
    ],
)
@pytest.mark.parametrize("field", ["source", "destination", "text", "unknown"])
async def test_text_that_is_no_text(api: Api, tenant: Tenant, raw: bytes, field: str) -> None:
    words: Words = {"type": "annotation", "text": "x"}
    body = tenant.body() | {"jobs": [job("out.png", words)]}
    place = {"source": body, "destination": body["jobs"][0], "text": words, "unknown": body}
    place[field][field] = "HERE"
    answer = await api.post(tenant, raw_json(body).replace(b'"HERE"', raw))
    told(answer)


async def test_a_body_in_another_encoding(api: Api, tenant: Tenant) -> None:
    text = json.dumps(tenant.body())
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert told(await api.post(tenant, text.encode(encoding)))[0] == "invalid_json"


FIELDS: list[tuple[Words, str, str, str]] = [
    ({"service_id": None}, "service_id", "invalid_request", "got null"),
    ({"service_id": "one"}, "service_id", "invalid_request", '"one"'),
    ({"service_id": 1.5}, "service_id", "invalid_request", "1.5"),
    ({"service_id": True}, "service_id", "invalid_request", "true"),
    ({"service_id": 0}, "service_id", "invalid_request", "got 0"),
    ({"service_id": -1}, "service_id", "invalid_request", "got -1"),
    ({"service_id": 2**63}, "service_id", "invalid_request", "id of a service"),
    ({"service_id": "9" * 5000}, "service_id", "invalid_request", "id of a service"),
    ({"service_id": "0" * 20 + "9" * 5000}, "service_id", "invalid_request", "id of a service"),
    ({"sevice_id": 1}, "sevice_id", "unknown_field", "'service_id'"),
    ({"priorty": "low"}, "priorty", "unknown_field", "'priority'"),
    ({"priority": "hihg"}, "priority", "invalid_request", "'high'"),
    ({"priority": 1}, "priority", "invalid_request", "got 1"),
    ({"source": None}, "source", "invalid_request", "got null"),
    ({"jobs": None}, "jobs", "invalid_request", "array"),
    ({"jobs": {}}, "jobs", "invalid_request", "array"),
    ({"jobs": []}, "jobs", "invalid_request", "length"),
    ({"jobs": [5]}, "jobs[0]", "invalid_request", "object"),
    ({"jobs": [job("a.png"), job("a.png")]}, "jobs[1].destination", "invalid_request", "again"),
    ({"jobs": [job("a.png"), job("/a.png")]}, "jobs[1].destination", "invalid_request", "again"),
    ({"jobs": [job("a.png", qualty=1)]}, "jobs[0].qualty", "unknown_field", "'quality'"),
    ({"jobs": [job("a.png", quality="high")]}, "jobs[0].quality", "invalid_request", "100"),
    ({"jobs": [{"destination": "a.png"}]}, "jobs[0].transformations", "missing_field", "expected"),
    ({"callback": 5}, "callback", "invalid_request", "URL"),
    ({"callback": None}, "callback", "invalid_request", "URL"),
]


@pytest.mark.parametrize(("change", "path", "code", "hint"), FIELDS)
async def test_a_bad_field_is_named(
    api: Api, tenant: Tenant, change: Words, *, path: str, code: str, hint: str
) -> None:
    got = told(await api.post(tenant, tenant.body() | change))
    assert got[:2] == (code, path)
    assert hint in got[2]
    assert len(got[2]) < 500


@pytest.mark.parametrize("field", ["service_id", "source", "jobs"])
async def test_a_missing_field_is_named(api: Api, tenant: Tenant, field: str) -> None:
    body = {name: value for name, value in tenant.body().items() if name != field}
    assert told(await api.post(tenant, body))[:2] == ("missing_field", field)


async def test_a_misspelt_transformation_is_answered_with_the_nearest(
    api: Api, tenant: Tenant
) -> None:
    body = tenant.body() | {"jobs": [job("a.png", {"type": "resise", "width": 1})]}
    code, path, message = told(await api.post(tenant, body))
    assert (code, path) == ("unknown_transformation", f"{AT}.type")
    assert "'resize'" in message


PATHS = [
    "", "/", "//a.png", "a//b.png", "../a.png", "/../a.png", "a/../../b.png", "a/./b.png", "a/..",
    "..", ".", "a\\b.png", "%2e%2e/a.png", "a/%2E%2E/b.png", "a/.%2e/b.png", "%2fa/../b.png",
    "a\0.png", "a/", "x" * 5000 + ".png",
]  # fmt: skip


@pytest.mark.parametrize("key", PATHS)
async def test_a_path_that_leaves_its_place(api: Api, tenant: Tenant, key: str) -> None:
    places = {
        "source": tenant.body() | {"source": key},
        "jobs[0].destination": tenant.body() | {"jobs": [job(key, format="png")]},
        f"{AT}.source": tenant.body()
        | {"jobs": [job("a.png", {"type": "watermark", "source": key})]},
        f"{AT}.Source": tenant.body()
        | {"jobs": [job("a.png", {"type": "watermark", "Source": key})]},
    }
    for place, body in places.items():
        code, path, _ = told(await api.post(tenant, body))
        assert (code, path) == ("invalid_request", place)


URLS = [
    "", "example.com", "ftp://example.com/", "file:///etc/passwd", "http://", "http:///x",
    "https://user:pw@example.com/", "http://example.com/#part", "http://exa mple.com/",
    "http://example.com/\n", "http://[::1", "http://example.com:99999/", "http://example.com:0/",
    "http://example.com:port/", "javascript:alert(1)", "http://x/" + "a" * 3000, "//example.com/",
]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
async def test_a_callback_that_cannot_be(api: Api, tenant: Tenant, url: str) -> None:
    assert told(await api.post(tenant, tenant.body(callback=url)))[:2] == (
        "invalid_request",
        "callback",
    )


@pytest.mark.usefixtures("accepting")
async def test_a_callback_that_can_never_be_sent_is_known_at_intake(
    settings: Settings, tenant: Tenant
) -> None:
    strict = msgspec.structs.replace(
        settings, callback_private_networks=False, callback_ports="80,443"
    )
    undeliverable = {
        "http://shop.example:8080/": "callbacks may not go to port 8080",
        **dict.fromkeys(
            ["http://10.1.2.3/", "https://[::1]/", "http://127.1/", "http://2130706433/",
             "http://[::ffff:169.254.169.254]/", "http://168.63.129.16/", "http://localhost/",
             "http://１２７.0.0.1/", "http://x.localhost./"],
            "callbacks may not go to private networks",
        ),
        "http://a..b/": "expected a host name",
    }  # fmt: skip
    async with serving(strict) as api:
        for url, words in undeliverable.items():
            answer = await api.post(tenant, tenant.body(callback=url))
            assert told(answer)[:2] == ("invalid_request", "callback"), url
            assert answer.status == 400
            assert answer.words["message"] == f"callback: {words}"
        for url in ("https://8.8.8.8/", "http://not-looked-up.invalid/", "https://a.example:443/"):
            await api.create(tenant, tenant.body(callback=url))


@pytest.mark.usefixtures("accepting")
async def test_a_callback_that_can(api: Api, tenant: Tenant) -> None:
    for url in ("https://example.com", "http://127.0.0.1:8080/a?b=c&d", "https://ü.example/x"):
        await api.create(tenant, tenant.body(callback=url))


async def test_too_many_of_anything(api: Api, tenant: Tenant) -> None:
    many = tenant.body(*(f"{i}.png" for i in range(65)))
    long = tenant.body() | {"jobs": [job("a.png", *[{"type": "flip", "direction": "x"}] * 65)]}
    marks = [{"type": "watermark", "source": f"{i}.png"} for i in range(65)]
    for body, path in ((many, "jobs"), (long, "jobs[0].transformations")):
        code, where, message = told(await api.post(tenant, body))
        assert (code, where) == ("limit_exceeded", path)
        assert "64" in message
        assert "65" in message
    spread = [job(f"{i}.png", mark) for i, mark in enumerate(marks[:33])]
    spread.append(job("last.png", *marks[33:]))
    assert told(await api.post(tenant, tenant.body() | {"jobs": spread}))[0] == "limit_exceeded"


async def test_too_deep(api: Api, tenant: Tenant) -> None:
    for deep in (b"[" * 33 + b"]" * 33, b"[" * 500_000, b'{"a":' * 100_000):
        for path in ("/request", "/retry"):
            code, _, message = told(await api.ask("POST", path, tenant, deep))
            assert code == "too_deep"
            assert "32" in message


@pytest.mark.usefixtures("accepting")
async def test_brackets_in_text_are_not_depth(api: Api, tenant: Tenant) -> None:
    await api.create(tenant, tenant.body("[" * 100 + '"' + "{" * 100 + ".png"))


@pytest.mark.parametrize("path", ["/request", "/retry"])
async def test_a_body_over_the_limit(api: Api, tenant: Tenant, path: str) -> None:
    line = 'darkroom_limits_rejected_total{limit="max_body_bytes"}'
    before = await api.metric(line)
    answer = await api.ask("POST", path, tenant, b" " * (1024 * 1024 + 1))
    assert (answer.status, answer.words["code"]) == (413, "body_too_large")
    assert str(1024 * 1024) in answer.words["message"]
    assert await api.metric(line) == before + 1


async def test_a_body_over_the_limit_that_does_not_say_how_long_it_is(
    api: Api, tenant: Tenant
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    async with api.client.post("/request", data=endless(), headers=tenant.headers) as response:
        assert response.status == 413
        assert (await response.json())["code"] == "body_too_large"


async def test_a_body_at_the_limit_is_read(api: Api, tenant: Tenant) -> None:
    answer = await api.post(tenant, b" " * (1024 * 1024))
    assert told(answer)[0] == "invalid_json"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, identity"])
async def test_a_compressed_body_is_refused_unread(api: Api, tenant: Tenant, encoding: str) -> None:
    body = gzip.compress(raw_json(tenant.body()))
    answer = await api.post(tenant, body, {"Content-Encoding": encoding})
    assert (answer.status, answer.words["code"]) == (415, "unsupported_media")


@pytest.mark.usefixtures("accepting")
async def test_no_encoding_may_be_spelt_out(api: Api, tenant: Tenant) -> None:
    answer = await api.post(tenant, tenant.body(), {"Content-Encoding": "identity"})
    assert answer.status == 200


@pytest.mark.usefixtures("accepting")
async def test_limits_are_settings(settings: Settings, tenant: Tenant) -> None:
    small = msgspec.structs.replace(
        settings, max_jobs=2, max_transformations=1, max_json_depth=5, max_body_bytes=2000,
        max_retry_ids=2,
    )  # fmt: skip
    async with serving(small) as api:

        async def code(body: Any) -> str:
            return str((await api.post(tenant, body)).words.get("code"))

        assert await code(tenant.body("a.png", "b.png")) == "None"
        assert await code(tenant.body("a.png", "b.png", "c.png")) == "limit_exceeded"
        two = [{"type": "flip", "direction": "x"}] * 2
        assert await code(tenant.body() | {"jobs": [job("a.png", *two)]}) == "limit_exceeded"
        assert await code(b"[" * 6) == "too_deep"
        assert await code(b"[" * 2001) == "body_too_large"
        answer = await api.retry(tenant, "a", "b", "c")
        assert told(answer)[:2] == ("limit_exceeded", "process_ids")


async def test_a_folder_is_asked_to_keep_nothing(api: Api, tenant: Tenant) -> None:
    asking = job("b.png", store={"cache_control": "no-cache"})
    body = tenant.body(jobs=[job("a.png", store={}), asking])
    for route in ("/request", "/explain"):
        code, path, message = told(await api.ask("POST", route, tenant, body))
        assert (code, path) == ("invalid_request", "jobs[1].store")
        assert "the storage of this service is a folder" in message


async def test_a_service_may_ignore_what_its_folder_does_not_keep(
    api: Api, shared_store: Store, tenant: Tenant, accepting: None
) -> None:
    where = tenant.folder.as_uri()
    await shared_store.services.set_storage(tenant.service_id, where, {"ignore_store": True})
    body = tenant.body(jobs=[job("a.png", store={"cache_control": "no-cache"})])
    assert (await api.post(tenant, body)).status == 200
