"""A process, an explanation and a preview of an https source."""

from pathlib import Path

import msgspec
import pytest

from service.settings import Settings
from service.store import Store
from tests.service.api.explaining import explain
from tests.service.harness.api_client import serving
from tests.service.harness.image_server import Authority, serving_images
from tests.service.harness.tenants import PICTURE, Tenant
from tests.service.harness.workers import done_by, outcomes, working


async def test_an_https_source_is_fetched_where_its_host_is_allowed(
    settings: Settings,
    shared_store: Store,
    tenant: Tenant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lax = msgspec.structs.replace(
        settings, source_private_networks=True, source_ports="*", max_errors=0
    )
    authority = Authority(tmp_path, monkeypatch)
    async with (
        serving_images(authority.context()) as images,
        serving(lax) as api,
        working(lax),
    ):
        images.files["in.png"] = PICTURE
        body = tenant.body(source=images.url("in.png"))
        for path in ("/request", "/explain", "/preview"):
            answer = await api.ask("POST", path, tenant, body)
            assert (answer.status, answer.words["path"]) == (400, "source")
            assert "no hosts are allowed" in answer.words["message"]
        await shared_store.services.set_source_hosts(tenant.service_id, ["localhost", "*.test"])
        elsewhere = await api.post(tenant, tenant.body(source="https://img.example/a.png"))
        assert "or a URL of localhost, *.test, got" in elsewhere.words["message"]
        plain = await api.post(tenant, tenant.body(source="http://localhost/a.png"))
        assert "or an https URL" in plain.words["message"]
        assert images.asked == []

        explained = (await explain(api, tenant, body)).words
        assert explained["facts"]["width"] == 64
        preview = await api.ask("POST", "/preview", tenant, body)
        assert (preview.status, preview.headers["Content-Type"]) == (200, "image/png")
        assert outcomes(await done_by(api, tenant, body)) == ["DONE"]
        assert tenant.read("out.png") == preview.raw
        for status, code in ((404, "source_not_found"), (403, "source_denied"),
                             (503, "source_unavailable")):  # fmt: skip
            wrong = tenant.body(source=images.url(str(status)))
            assert outcomes(await done_by(api, tenant, wrong)) == [code]
            expected = {404: 404, 403: 422, 503: 503}[status]
            for path in ("/explain", "/preview"):
                answer = await api.ask("POST", path, tenant, wrong)
                assert (answer.status, answer.words["code"]) == (expected, code)

    strict = msgspec.structs.replace(settings, source_ports="*")
    async with serving(strict) as api:
        answer = await api.post(tenant, body)
        assert answer.status == 400
        assert "sources may not go to private networks" in answer.words["message"]
