"""`POST /explain`: what is told, what it costs, and that nothing else happens."""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import redis.asyncio
from structlog.testing import capture_logs

import engine
from engine.explain import draw
from engine.sources import BLOCK
from service.dev.stack import free_port
from service.embedded import SeaweedFS
from service.sandbox.protocol import Reason
from service.settings import Settings
from service.storage import Part
from service.storage.folder import FolderStorage
from service.storage.s3 import S3Storage
from service.store import Store
from tests.engine.images import Json, encoded, noise
from tests.engine.sources.test_partial_source import ALL, FILES
from tests.engine.uploads import KINDS
from tests.fonts import font_named
from tests.service.harness.api_client import Answer, Api, serving
from tests.service.harness.tenants import PICTURE, SMALL, Tenant, add_tenant, job
from tests.service.harness.workers import done_by, until, working

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

BESIDE: Json = {"type": "crop", "width": 5, "height": 5, "fit": False, "xoffset": 900}


async def explain(
    api: Api, tenant: Tenant, body: object | None = None, accept: str = "*/*"
) -> Answer:
    return await api.ask("POST", "/explain", tenant, body or tenant.body(), {"Accept": accept})


def batch(tenant: Tenant, *jobs: Json, source: str = "/in.png") -> Json:
    return {"service_id": tenant.service_id, "source": source, "jobs": jobs or [job("out.png")]}


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.words["code"]


async def test_it_tells_what_the_engine_tells_in_three_forms(api: Api, tenant: Tenant) -> None:
    mark = {"type": "watermark", "source": "m/mark.png", "width": 20}
    body = batch(tenant, job("a.png"), job("/b.jpg", SMALL, mark), job("c.webp", BESIDE))
    tenant.put("m/mark.png", encoded(noise(9, 6, 4)))
    read = engine.parse_batch(msgspec.json.encode({k: body[k] for k in ("source", "jobs")}))
    expected = engine.explain(
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
    hasty = await add_tenant(shared_store, tmp_path / "hasty", requests_a_minute=1)
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


class Spy:
    """Remembers what is read of storages; everything is really read."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.read: list[int] = []
        self.fetched = 0
        for kind in (FolderStorage, S3Storage):
            patch.setattr(kind, "read", self._noting(kind.read))
            patch.setattr(kind, "fetch", self._refusing)

    def _noting(self, read: Callable[..., Awaitable[Part]]) -> Callable[..., Awaitable[Part]]:
        async def noting(*args: Any, **options: Any) -> Part:
            part = await read(*args, **options)
            self.read.append(len(part.data))
            return part

        return noting

    async def _refusing(self, *args: Any, **options: Any) -> None:
        self.fetched += 1


@pytest.fixture
def spy() -> Iterator[Spy]:
    with pytest.MonkeyPatch.context() as patch:
        yield Spy(patch)


@pytest.fixture(scope="module")
async def bucket(
    shared_store: Store,
    seaweedfs: SeaweedFS,
    s3_client: "S3Client",
    tmp_path_factory: pytest.TempPathFactory,
) -> Tenant:
    """A service whose storage is in S3."""
    await s3_client.create_bucket(Bucket="headers")
    options = {
        "endpoint": seaweedfs.endpoint,
        "access_key": seaweedfs.access_key,
        "secret_key": seaweedfs.secret_key,
    }
    folder = tmp_path_factory.mktemp("s3")
    return await add_tenant(shared_store, folder, storage="s3://headers/in", options=options)


@pytest.mark.parametrize("place", ["folder", "s3"])
@pytest.mark.parametrize("name", FILES)
async def test_no_more_is_read_than_the_header(
    name: str, place: str, api: Api, tenant: Tenant, bucket: Tenant, s3_client: "S3Client", spy: Spy
) -> None:
    make, most = FILES[name]
    data = make()
    if place == "s3":
        tenant = bucket
        await s3_client.put_object(Bucket="headers", Key="in/picture", Body=data)
    else:
        tenant.put("picture", data)
    answer = await explain(api, tenant, batch(tenant, job("out.png", SMALL), source="picture"))
    facts = engine.read_facts(engine.Source.from_bytes(data))
    assert msgspec.convert(answer.words["facts"], engine.Facts) == facts
    assert sum(spy.read) <= (len(data) if most == ALL else most)
    assert spy.fetched == 0
    assert len(spy.read) <= (2 if most == ALL else 6)


async def test_spoiled_headers_have_an_answer_and_harm_nobody(api: Api, tenant: Tenant) -> None:
    rng, statuses = random.Random(11), Counter[int]()
    exits = [f'darkroom_child_exits_total{{reason="{each.value}"}}' for each in Reason]
    before = [await api.metric(line) for line in exits]
    for make in KINDS.values():
        data = make()
        for _ in range(3):
            spoiled = bytearray(data[: rng.choice([len(data), len(data), len(data) // 2])])
            for _ in range(rng.choice([1, 5, 30])):
                spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
            tenant.put("spoiled", bytes(spoiled))
            answer = await explain(api, tenant, batch(tenant, source="spoiled"))
            statuses[answer.status] += 1
            assert answer.words
    assert set(statuses) == {200, 400, 422}
    assert [await api.metric(line) for line in exits] == before


async def test_a_header_that_goes_on_too_far_is_told_with_the_setting(
    settings: Settings, tenant: Tenant, spy: Spy
) -> None:
    few = msgspec.structs.replace(settings, max_explain_bytes=BLOCK + 1000)
    mark = job("b.png", {"type": "watermark", "source": "animation", "width": 9})
    make, _ = FILES["gif animated"]
    tenant.put("animation", make())
    tenant.put("photo", encoded(noise(320, 240), "JPEG"))
    async with serving(few) as api:
        for body in (
            batch(tenant, source="animation"),
            batch(tenant, job("a.png"), mark, source="photo"),
        ):
            spy.read.clear()
            answer = await explain(api, tenant, body)
            assert refusal(answer) == (422, "limit_exceeded")
            message = answer.words["message"]
            assert "'animation'" in message
            assert f"the limit is {BLOCK + 1000:,} (DARKROOM_MAX_EXPLAIN_BYTES)" in message
            assert sum(spy.read) <= BLOCK + 1000
        assert (await explain(api, tenant, batch(tenant, source="photo"))).status == 200
        line = 'darkroom_limits_rejected_total{limit="max_explain_bytes"}'
        assert await api.metric(line) == 2


async def test_a_source_that_is_replaced_meanwhile_is_asked_for_again(
    api: Api, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = FILES["gif"][0]()
    tenant.put("in.gif", data)
    read = FolderStorage.read

    async def replacing(self: FolderStorage, key: str, **options: Any) -> Part:
        part = await read(self, key, **options)
        tenant.put(key, data + b";")
        return part

    with monkeypatch.context() as patch:
        patch.setattr(FolderStorage, "read", replacing)
        answer = await explain(api, tenant, batch(tenant, source="in.gif"))
        assert refusal(answer) == (503, "storage_unavailable")
    assert (await explain(api, tenant, batch(tenant, source="in.gif"))).status == 200


async def test_what_is_wrong_with_a_storage_is_told(
    api: Api, shared_store: Store, bucket: Tenant, seaweedfs: SeaweedFS, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("service.storage.s3.ATTEMPTS", 1)
    keys = {"access_key": seaweedfs.access_key, "secret_key": seaweedfs.secret_key}
    there, gone = seaweedfs.endpoint, f"http://127.0.0.1:{free_port()}"
    for options, storage, expected in (
        ({**keys, "endpoint": there}, "s3://headers/nothing", (404, "source_not_found")),
        ({**keys, "endpoint": there}, "s3://no-such-bucket", (422, "storage_misconfigured")),
        ({**keys, "endpoint": there, "secret_key": "x"}, "s3://headers", (422, "storage_denied")),
        ({**keys, "endpoint": gone}, "s3://headers", (503, "storage_unavailable")),
    ):
        tenant = await add_tenant(
            shared_store, tmp_path / expected[1], storage=storage, options=options
        )
        answer = await explain(api, tenant)
        assert refusal(answer) == expected
        assert "127.0.0.1" not in answer.words["message"]


MOODY = (sys.executable, "-I", str(Path(__file__).with_name("moody_explainer.py")))


MOODS = [
    ("kill", "SIGKILL"), ("nonsense", "no answer"), ("huge", "no answer"), ("greedy", "it has"),
]  # fmt: skip


@asynccontextmanager
async def moody(settings: Settings, seconds: float) -> AsyncIterator[Api]:
    """Serve with one child of many moods, for two requests at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.sandbox.parent.commands.EXPLAIN", MOODY)
        some = {"explain_slots": 1, "explain_requests": 2, "explain_seconds": seconds}
        async with serving(msgspec.structs.replace(settings, **some)) as api:
            yield api


async def test_a_child_that_dies_or_lies_is_replaced_and_the_api_lives(
    settings: Settings, tenant: Tenant
) -> None:
    async with moody(settings, seconds=20) as api:
        with capture_logs() as logs:
            for mood, words in MOODS:
                answer = await explain(api, tenant, tenant.body(f"{mood}.png"))
                assert refusal(answer) == (503, "render_crashed")
                assert words in answer.words["message"]
                assert (await explain(api, tenant)).status == 200
        warnings = [log["event"] for log in logs if log["log_level"] == "warning"]
        assert warnings == ["child_ended"]
        assert await api.metric('darkroom_child_exits_total{reason="out_of_memory"}') == 1


async def test_too_much_at_once_is_put_off_and_nothing_takes_for_ever(
    settings: Settings, tenant: Tenant
) -> None:
    async with moody(settings, seconds=0.5) as api:

        async def works() -> bool:  # a child may take longer than half a second to start
            return (await explain(api, tenant)).status == 200

        await until(works)
        cancelled = 'darkroom_child_exits_total{reason="cancelled"}'
        before = await api.metric(cancelled)
        hanging = tenant.body("hang.png")
        answers = await asyncio.gather(*(explain(api, tenant, hanging) for _ in range(3)))
        assert [refusal(answer) for answer in answers] == [(503, "unavailable")] * 3
        told = Counter(answer.words["message"] for answer in answers)
        late = "This took longer than 0.5 s; try again"
        assert told == {late: 2, "Too many explanations are under way; try again": 1}
        await until(works)
        assert await api.metric(cancelled) == before + 1


async def test_children_that_cannot_be_started_are_no_secret_and_no_end(
    settings: Settings, tenant: Tenant, tmp_path: Path
) -> None:
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "a.ttf").write_text("no font")
    broken = msgspec.structs.replace(settings, fonts=str(tmp_path / "fonts"))
    async with serving(broken) as api:
        answer = await explain(api, tenant)
        assert refusal(answer) == (503, "unavailable")
        assert str(tmp_path) not in answer.words["message"]
        assert (await api.post(tenant, tenant.body())).status == 200
        (tmp_path / "fonts" / "a.ttf").unlink()
        font_named(tmp_path / "fonts", "Corporate")
        assert (await explain(api, tenant)).status == 200


async def test_it_is_counted_as_other_routes_are(api: Api, tenant: Tenant) -> None:
    lines = [
        'darkroom_http_requests_total{method="POST",route="/explain",status="200"}',
        'darkroom_storage_requests_total{op="read",status="ok"}',
    ]
    before = [await api.metric(line) for line in lines]
    answer = await api.ask("POST", "/explain", tenant, tenant.body(), {"X-Request-Id": "mine"})
    assert answer.headers["X-Request-Id"] == "mine"
    assert [await api.metric(line) for line in lines] == [count + 1 for count in before]
