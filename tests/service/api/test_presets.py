"""Presets over HTTP: saved, shown, used and deleted."""

from pathlib import Path

import msgspec
import pytest

from service.settings import Settings
from service.store import Store
from service.store.presets import Presets
from tests.service.api.explaining import batch, explain
from tests.service.harness.api_client import Answer, Api, serving
from tests.service.harness.tenants import SMALL, Tenant, Words, add_tenant, job
from tests.service.harness.workers import done_by, ended, working

TURN: Words = {"type": "rotate", "degrees": 90}
PRESET: Words = {"transformations": [SMALL, TURN], "quality": 50}


async def put(api: Api, tenant: Tenant, name: str, body: object) -> Answer:
    return await api.ask("PUT", f"/presets/{name}", tenant, body)


async def test_a_preset_is_saved_shown_replaced_and_deleted(
    api: Api, tenant: Tenant, stranger: Tenant
) -> None:
    saved = await put(api, tenant, "small", PRESET)
    assert saved.status == 200
    assert saved.words["definition"] == PRESET
    assert (await api.ask("GET", "/presets/small", tenant)).words == saved.words
    assert (await put(api, tenant, "a.b", {"quality": 7})).words["definition"] == {"quality": 7}
    replaced = (await put(api, tenant, "small", {"quality": 8})).words
    assert (replaced["definition"], replaced["created_at"]) == (
        {"quality": 8}, saved.words["created_at"],
    )  # fmt: skip
    listed = (await api.ask("GET", "/presets", tenant)).words["presets"]
    assert [each["name"] for each in listed] == ["a.b", "small"]
    assert set(listed[0]) == {"name", "created_at", "updated_at"}

    assert (await api.ask("GET", "/presets", stranger)).words == {"presets": []}
    for method in ("GET", "DELETE"):
        answer = await api.ask(method, "/presets/small", stranger)
        assert (answer.status, answer.words["code"]) == (404, "not_found")
        assert (await api.ask(method, "/presets/%00", tenant)).status == 404
        assert (await api.ask(method, "/presets/small")).status == 401
    gone = await api.ask("DELETE", "/presets/small", tenant)
    assert (gone.status, gone.raw) == (204, b"")
    assert (await api.ask("GET", "/presets/small", tenant)).status == 404
    line = 'darkroom_http_requests_total{method="PUT",route="/presets/{name}",status="200"}'
    assert await api.metric(line) >= 3


@pytest.mark.parametrize(
    ("body", "code", "path", "said"),
    [
        ({}, "invalid_request", None, "at least one of transformations, quality, min_ssim"),
        ({"transformations": [{"type": "blur", "sigma": -1}]}, "invalid_request",
         "transformations[0].sigma", "got -1"),
        ({"transformations": [TURN, {"type": "preset", "name": "small"}]}, "invalid_request",
         "transformations[1]", "no preset in a preset"),
        ({"transformations": [TURN] * 65}, "limit_exceeded", "transformations", "at most 64"),
        ({"min_ssim": 0.9}, "invalid_request", "min_ssim", "'quality': \"auto\" beside it"),
        ({"quality": 80, "min_ssim": 0.9}, "invalid_request", "min_ssim", "beside it"),
        ({"format": "jpg", "options": {"tile": True}}, "invalid_request", "options.tile", "tiff"),
        ({"max_bytes": 0, "mode": "exact"}, "invalid_request", "max_bytes", "got 0"),
        ({"destination": "a.png"}, "unknown_field", "destination", ""),
        ({"preset": "small"}, "unknown_field", "preset", ""),
        ({"quality": 101}, "invalid_request", "quality", "got 101"),
        ({"background": "#ffffff80"}, "invalid_request", "background", "opaque"),
        ({"options": {"trellis": 7}}, "invalid_request", "options.trellis", "expected true"),
        ({"options": {"trellis": True, "tile": True}}, "invalid_request", "options.tile", "tiff"),
        (b"{", "invalid_json", None, ""),
        ({"transformations": [{"type": "annotation", "text": "x" * 20_000}]}, "limit_exceeded",
         None, "at most 16384 bytes"),
    ],
)  # fmt: skip
async def test_a_preset_is_validated_when_it_is_saved(
    api: Api, tenant: Tenant, body: object, code: str, path: str | None, said: str
) -> None:
    answer = await put(api, tenant, "small", body)
    assert (answer.status, answer.words["code"]) == (400, code)
    assert answer.words.get("path") == path
    assert said in answer.words["message"]
    refused = await put(api, tenant, "-small", PRESET)
    assert (refused.status, refused.words["path"]) == (400, "name")
    assert (await api.ask("GET", "/presets", tenant)).words == {"presets": []}


async def test_a_service_has_so_many_presets(
    settings: Settings, shared_store: Store, tmp_path: Path
) -> None:
    tenant = await add_tenant(shared_store, tmp_path / "few")
    async with serving(msgspec.structs.replace(settings, max_presets=2)) as api:
        for name in ("a", "b", "a"):
            assert (await put(api, tenant, name, PRESET)).status == 200
        refused = await put(api, tenant, "c", PRESET)
        assert (refused.status, refused.words["code"]) == (400, "limit_exceeded")
        assert "at most 2 presets" in refused.words["message"]
        await api.ask("DELETE", "/presets/b", tenant)
        assert (await put(api, tenant, "c", PRESET)).status == 200


async def test_a_process_keeps_what_a_preset_stood_for(
    api: Api, tenant: Tenant, settings: Settings
) -> None:
    await put(api, tenant, "small", PRESET)
    body = batch(
        tenant,
        {"destination": "a.jpg", "preset": "small"},
        job("b.png", {"type": "preset", "name": "small"}, TURN),
    )
    written_out = batch(
        tenant,
        job("a.jpg", SMALL, TURN, quality=50),
        job("b.png", SMALL, TURN, TURN),
    )
    assert (await explain(api, tenant, body)).raw == (await explain(api, tenant, written_out)).raw

    key = {"Idempotency-Key": "one"}
    first = (await api.post(tenant, body, key)).words["process_id"]
    await put(api, tenant, "small", {"transformations": []})
    assert (await api.post(tenant, body, key)).words["process_id"] == first
    async with working(settings):
        [one, other] = (await ended(api, tenant, first))["jobs"]
        assert (one["width"], one["height"], one["format"]) == (12, 16, "jpeg")
        assert (other["width"], other["height"]) == (16, 12)
        [one, other] = (await done_by(api, tenant, body))["jobs"]
        assert ((one["width"], one["height"]), other["width"]) == ((64, 48), 48)


async def test_an_unknown_preset_is_refused_at_intake(
    api: Api, tenant: Tenant, stranger: Tenant
) -> None:
    await put(api, tenant, "small", PRESET)
    for asked, hint in ((tenant, "did you mean 'small'?"), (stranger, "this service has none")):
        body = batch(asked, {"destination": "a.jpg", "preset": "smal"})
        for answer in (await api.post(asked, body), await explain(api, asked, body)):
            assert (answer.status, answer.words) == (
                400,
                {
                    "message": f'jobs[0].preset: unknown preset "smal"; {hint}',
                    "code": "unknown_preset",
                    "path": "jobs[0].preset",
                },
            )


async def test_only_a_request_that_names_a_preset_costs_a_statement(
    api: Api, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(api, tenant, "small", PRESET)
    asked: list[object] = []
    original = Presets.find

    async def counted(self: Presets, service_id: int, names: set[str]) -> dict[str, str]:
        asked.append(names)
        return await original(self, service_id, names)

    monkeypatch.setattr(Presets, "find", counted)
    await api.create(tenant)
    assert asked == []
    jobs = [{"destination": f"{index}.jpg", "preset": "small"} for index in range(3)]
    await api.create(tenant, batch(tenant, *jobs))
    assert asked == [{"small"}]
