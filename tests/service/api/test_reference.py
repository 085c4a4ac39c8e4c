"""The reference as it is served, and the API's answers held to it."""

from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from service.api.openapi.parts import JSON
from service.api.reference import ASSETS, POLICY
from service.settings import Settings
from tests.service.harness.api_client import Answer, Api
from tests.service.harness.tenants import Tenant, job

TYPES = {
    "docs.js": "javascript",
    "swagger-ui-bundle.js": "javascript",
    "swagger-ui.css": "text/css",
}


@pytest.fixture(scope="module")
async def document(api: Api) -> Any:
    return (await api.ask("GET", "/openapi.json")).words


def held(document: Any, method: str, path: str, answer: Answer) -> int:
    """Hold an answer to what the document says of it, and give its status."""
    told = document["paths"][path][method]["responses"]
    assert str(answer.status) in told, (path, answer.status, answer.raw)
    response = told[str(answer.status)]
    for header in response.get("headers", {}).keys() - {"Idempotent-Replayed"}:
        assert header in answer.headers
    if JSON in response.get("content", {}):
        schema = response["content"][JSON]["schema"]
        root = {**schema, "components": document["components"]}
        Draft202012Validator(root).validate(answer.words)
        assert answer.headers["Content-Type"].startswith(JSON)
    return answer.status


async def test_the_document_is_served_once_to_each_client(api: Api) -> None:
    first = await api.ask("GET", "/openapi.json")
    assert first.status == 200
    assert first.headers["Content-Type"] == "application/json"
    assert first.words["openapi"] == "3.1.0"
    again = await api.ask("GET", "/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.raw) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = await api.ask("GET", "/openapi.json", headers={"If-None-Match": '"something else"'})
    assert other.raw == first.raw


async def test_the_page_may_load_from_this_host_only(api: Api) -> None:
    page = await api.ask("GET", "/docs")
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Content-Security-Policy"] == POLICY
    assert "default-src 'none'" in POLICY
    assert page.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ASSETS)
async def test_every_file_of_the_page_is_served(name: str, api: Api) -> None:
    asset = await api.ask("GET", f"/docs/{name}")
    assert asset.status == 200
    assert asset.raw == ASSETS[name].read_bytes()
    assert TYPES[name] in asset.headers["Content-Type"]
    again = await api.ask("GET", f"/docs/{name}", headers={"If-None-Match": asset.headers["ETag"]})
    assert (again.status, again.raw) == (304, b"")


@pytest.mark.parametrize("name", ["x", "docs.html", "..%2fdocs.html", "%2e%2e/static/README.md"])
async def test_no_other_file_is_served(name: str, api: Api) -> None:
    assert (await api.ask("GET", f"/docs/{name}")).status == 404


async def test_the_reference_holds_no_secret(api: Api, settings: Settings, tenant: Tenant) -> None:
    shown = b"".join(
        [(await api.ask("GET", path)).raw for path in ("/openapi.json", "/docs", "/docs/docs.js")]
    ).decode()
    secrets = (settings.database_url, settings.redis_url, tenant.token, tenant.webhook_secret)
    assert not any(secret in shown for secret in secrets)


async def test_answers_of_a_request_are_as_documented(
    api: Api, tenant: Tenant, document: Any
) -> None:
    async def status(body: object, headers: Mapping[str, str] | None = None) -> int:
        return held(document, "post", "/request", await api.post(tenant, body, headers))

    good, key = tenant.body(), {"Idempotency-Key": "one"}
    assert await status(good) == 200
    assert await status(good, key) == 200
    assert await status(good, key) == 200
    assert await status(tenant.body("b.png"), key) == 422
    assert await status(b"{") == 400
    assert await status({**good, "jobs": []}) == 400
    assert await status({**good, "service_id": tenant.service_id + 1}) == 403
    assert await status(b" " * (1024 * 1024 + 1)) == 413
    assert await status(good, {"Content-Encoding": "gzip"}) == 415
    assert await status(good, {"Authorization": "Bearer nobody's"}) == 401


async def test_answers_about_a_process_are_as_documented(
    api: Api, tenant: Tenant, stranger: Tenant, document: Any
) -> None:
    process_id = await api.create(tenant)

    async def status(asking: Tenant | None, named: str) -> int:
        answer = await api.ask("GET", f"/request/{named}", asking)
        return held(document, "get", "/request/{process_id}", answer)

    assert await status(tenant, process_id) == 200
    assert await status(stranger, process_id) == 404
    assert await status(tenant, "nothing") == 404
    assert await status(None, process_id) == 401


async def test_answers_of_a_retry_are_as_documented(
    api: Api, tenant: Tenant, document: Any
) -> None:
    process_id = await api.create(tenant)
    answer = await api.retry(tenant, process_id, "Fcl_b6psriLi7lBYAshhp")
    assert held(document, "post", "/retry", answer) == 200
    assert [entry["status"] for entry in answer.words] == [409, 404]
    assert held(document, "post", "/retry", await api.retry(tenant)) == 400


async def test_answers_of_an_explanation_are_as_documented(
    api: Api, tenant: Tenant, document: Any
) -> None:
    async def status(body: object, headers: Mapping[str, str] | None = None) -> int:
        answer = await api.ask("POST", "/explain", tenant, body, headers)
        told = document["paths"]["/explain"]["post"]["responses"]
        kind = answer.headers["Content-Type"].partition(";")[0]
        assert kind in told[str(answer.status)]["content"]
        if kind != JSON:
            return answer.status
        return held(document, "post", "/explain", answer)

    refused = job("b.png", {"type": "watermark", "source": "gone.png"})
    looked = job("c.jpg", {"type": "ulb"})
    good = {**tenant.body("a.png"), "jobs": [job("a.png"), refused, looked]}
    tenant.put("empty", b"")
    tenant.put("text", b"text")
    assert await status(good) == 200
    assert await status(good, {"Accept": "text/plain"}) == 200
    assert await status(good, {"Accept": "image/svg+xml"}) == 200
    assert await status({**good, "source": "gone.png"}) == 404
    assert await status({**good, "source": "empty"}) == 422
    assert await status({**good, "source": "text"}) == 400
    assert await status({**good, "jobs": []}) == 400
    assert await status(good, {"Authorization": "Bearer nobody's"}) == 401


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/openapi.json", "/docs", "/metrics"])
async def test_answers_without_a_token_are_as_documented(
    path: str, api: Api, document: Any
) -> None:
    assert held(document, "get", path, await api.ask("GET", path)) == 200
