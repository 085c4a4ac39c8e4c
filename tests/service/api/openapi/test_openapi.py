"""The OpenAPI document against the standard, the app's routes and the code that reads requests."""

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.errors import InvalidRequest
from engine.schema import TYPES, Batch, parse
from service.api.app import build_app
from service.api.direct import with_destination
from service.api.openapi import build_document, examples
from service.api.openapi.descriptions import FIELDS
from service.api.openapi.descriptions import TYPES as DESCRIBED_TYPES
from service.api.reference import ASSETS, POLICY, STATIC
from service.errors import ClientGone, HttpError, MalformedRequest
from service.http import CreateProcess, RetryProcesses
from service.presets import PresetDefinition
from service.settings import Settings
from tests.engine.images import VECTORS

SETTINGS = Settings(database_url="postgresql://nowhere/none", redis_url="redis://nowhere")
DOCUMENT: dict[str, Any] = json.loads(json.dumps(build_document(SETTINGS)))
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
VALIDATION: dict[str, list[Any]] = json.loads((VECTORS / "validation.json").read_text())
METHODS = {"get", "post", "put", "patch", "delete"}

# one of these suits almost any option, and each spoils some
NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]{1,4})?"
VALUES: list[Any] = [
    0, 1, -1, 10, 10.5, 10.123, 100, 101, 255, -255, 256, -256, 360, 361, 1e5, 100001,
    "0", "7", " 7 ", "+7", "-7", "7.", ".5", "1e2", "7px", "7PX", "7%", "7h", "7H", "7w", "7 em",
    "#fff", "FFF", "#ff8800", "#FF880080", "#ffff", "red", "center", "middle", "northwest", "up",
    "sepia", "cropbox", "x", "horizontal", "jpg", "jpeg", "high", True, False, "true", "false",
    "a/b.png", "/a.png", "a//b.png", "a\\b.png", "", None, [], {},
]  # fmt: skip


@cache
def validator(schema: str) -> Draft202012Validator:
    root = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    return Draft202012Validator(root)


def accepts(schema: str, value: Any) -> bool:
    return validator(schema).is_valid(value)


def canonical(value: Any) -> Any:
    """Return the number or boolean that a string spells: a reader takes both, a schema says one."""
    spelled = value.strip().lower() if isinstance(value, str) else ""
    if spelled in ("true", "false"):
        return spelled == "true"
    return float(spelled) if re.fullmatch(NUMBER, spelled) else value


def parses(transformation: Any) -> bool:
    job = {"destination": "b.png", "transformations": [transformation]}
    return reads(json.dumps({"source": "a.png", "jobs": [job]}).encode())


def reads(body: bytes, kind: type = Batch) -> bool:
    try:
        parse(body, kind)
    except InvalidRequest:
        return False
    return True


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in item.keys() & METHODS:
            yield method, path, item[method]


def test_the_document_is_openapi_3_1() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator  # noqa: PLC0415 - half a second

    assert DOCUMENT["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


def test_every_route_is_in_it_and_nothing_else() -> None:
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in build_app(SETTINGS).router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert {(method, path) for method, path, _ in operations()} == routes


def test_only_the_reference_and_the_probes_need_no_token() -> None:
    without = {path for _, path, operation in operations() if operation.get("security") == []}
    with_token = {
        "/request", "/request/{process_id}", "/request/{process_id}/cancel", "/retry", "/explain",
        "/requests", "/request/{process_id}/callbacks/{callback_id}/redeliver",
        "/presets", "/presets/{name}", "/preview",
    }  # fmt: skip
    assert without == set(DOCUMENT["paths"]) - with_token
    assert DOCUMENT["security"] == [{"bearer": []}]


def media() -> Iterator[Any]:
    def walk(found: Any, place: str) -> Iterator[Any]:
        if isinstance(found, dict):
            if "schema" in found:
                shown = dict(found.get("examples", {}))
                if "example" in found:
                    shown["example"] = {"value": found["example"]}
                for name, example in shown.items():
                    yield f"{place}.{name}", found["schema"], example["value"]
            for name, below in found.items():
                yield from walk(below, f"{place}.{name}")

    yield from walk(DOCUMENT["paths"], "paths")
    yield from walk(DOCUMENT["components"]["parameters"], "parameters")


def test_every_example_is_what_its_schema_says() -> None:
    wrong = {}
    for place, schema, example in media():
        root = {**schema, "components": DOCUMENT["components"]}
        wrong[place] = [error.message for error in Draft202012Validator(root).iter_errors(example)]
    assert len(wrong) > 150
    assert {place: errors for place, errors in wrong.items() if errors} == {}


@pytest.mark.parametrize("name", TYPES)
def test_the_documents_own_transformations_are_accepted(name: str) -> None:
    example = examples.TRANSFORMATIONS[name]
    assert example["type"] == name
    assert parses(example)
    assert accepts("Transformation", example)
    assert SCHEMAS[TYPES[name].__name__]["examples"] == [example]


@pytest.mark.parametrize("field", SCHEMAS["PresetDefinition"]["properties"])
def test_the_schema_and_the_parser_agree_on_a_preset(field: str) -> None:
    searched = {"quality": "auto"} if field == "min_ssim" else {}  # which it goes with
    for value in [
        *VALUES,
        [examples.TRANSFORMATIONS["flip"]],
        [examples.TRANSFORMATIONS["preset"]],
    ]:
        body = searched | {field: value}
        found = accepts("PresetDefinition", body)
        found = found or accepts("PresetDefinition", searched | {field: canonical(value)})
        beyond_schemas = found and isinstance(value, str)
        assert found == reads(json.dumps(body).encode(), PresetDefinition) or beyond_schemas, body
    assert not accepts("PresetDefinition", {})


def test_a_job_may_name_presets() -> None:
    job = {"destination": "b.png", "preset": "thumbnail"}
    assert accepts("Job", job)
    assert not accepts("Job", {**job, "preset": "../etc"})
    assert not accepts("Job", {"destination": "b.png"})
    step = examples.TRANSFORMATIONS["preset"]
    assert accepts("Job", {"destination": "b.png", "transformations": [step]})
    assert not accepts("Transformation", step)


def test_a_preview_needs_no_destination_but_a_format() -> None:
    job: dict[str, Any] = {"transformations": [], "format": "png"}
    body = {"service_id": 1, "source": "a.png", "jobs": [job]}
    assert accepts("PreviewRequest", body)
    assert parse(with_destination(json.dumps(body).encode()), CreateProcess)
    assert not accepts("CreateProcess", body)
    wrong: list[Any] = [[], [job, job], [{"transformations": []}], [{"format": "png"}]]
    for jobs in wrong:
        assert not accepts("PreviewRequest", {**body, "jobs": jobs})


def test_the_request_examples_are_read_by_the_api() -> None:
    for created in examples.CREATES.values():
        assert parse(json.dumps(created).encode(), CreateProcess).jobs
    for retried in examples.RETRIES.values():
        assert parse(json.dumps(retried).encode(), RetryProcesses).process_ids


@pytest.mark.parametrize("words", VALIDATION["must_be_accepted"], ids=json.dumps)
def test_what_must_be_accepted_the_schema_accepts(words: Any) -> None:
    plain = {option: canonical(value) for option, value in words.items()}
    assert accepts("Transformation", words) or accepts("Transformation", plain)


@pytest.mark.parametrize("words", VALIDATION["must_be_rejected_400"], ids=json.dumps)
def test_what_must_be_refused_the_schema_refuses(words: Any) -> None:
    counts_decimals = words == {"type": "rotate", "degrees": 10.123}
    assert accepts("Transformation", words) == counts_decimals


@pytest.mark.parametrize("name", TYPES)
def test_the_schema_and_the_parser_agree_on_every_option(name: str) -> None:
    example = examples.TRANSFORMATIONS[name]
    if name == "watermark":
        example = {key: value for key, value in example.items() if key != "source"}
    schema = TYPES[name].__name__  # alone: the union of all of them is twenty times as slow
    for option in SCHEMAS[schema]["properties"]:
        for value in VALUES:
            words = {**example, option: value}
            if (name, option) == ("pad", "width"):  # all four sides, so none of them beside it
                words = {"type": "pad", "width": value}
            expected, found = parses(words), accepts(schema, words)
            found = found or accepts(schema, {**words, option: canonical(value)})
            # a schema cannot count decimals, nor compare the number that a string spells
            beyond_schemas = found and (isinstance(value, str) or value == 10.123)
            assert found == expected or beyond_schemas, words


@pytest.mark.parametrize("name", TYPES)
def test_the_schema_and_the_parser_agree_on_what_may_be_left_out(name: str) -> None:
    example = examples.TRANSFORMATIONS[name]
    bodies = [{"type": name}, {**example, "unheard": 1}, {**example, "Source": "w.png"}]
    for kept in example:
        bodies.append({key: value for key, value in example.items() if key != kept})
        bodies.append({"type": name, kept: example[kept]})
    for words in bodies:
        assert accepts("Transformation", words) == parses(words), words


@pytest.mark.parametrize("option", SCHEMAS["Job"]["properties"])
def test_the_schema_and_the_parser_agree_on_a_jobs_fields(option: str) -> None:
    searched = {"destination": "b.jpg", "quality": "auto"}  # which these options are about
    plain = searched if option in {"min_ssim", "max_bytes"} else {"destination": "b.png"}
    for value in VALUES:
        job = {**plain, "transformations": [], option: value}
        body = json.dumps({"source": "a.png", "jobs": [job]}).encode()
        found = accepts("Job", job) or accepts("Job", {**job, option: canonical(value)})
        beyond_schemas = isinstance(value, str) and found
        assert found == reads(body) or beyond_schemas, job


@pytest.mark.parametrize("option", ["service_id", "callback", "priority", "source"])
def test_the_schema_and_the_parser_agree_on_a_requests_fields(option: str) -> None:
    more = ["https://a.example/b?c=d", "HTTP://a.example", "ftp://a.example", "https://", "12", "0"]
    for value in [*VALUES, *more]:
        body = {**examples.CREATE_DOCUMENTED, option: value}
        expected = reads(json.dumps(body).encode(), CreateProcess)
        plain = {**body, option: canonical(value)}
        found = accepts("CreateProcess", body) or accepts("CreateProcess", plain)
        # to a schema 1e5 is an integer; not every string that looks like a URL or path is one
        beyond_schemas = found and isinstance(value, str | float)
        assert found == expected or beyond_schemas, body


def test_the_limits_are_those_of_the_settings() -> None:
    few = Settings(
        database_url="postgresql://nowhere/none",
        redis_url="redis://nowhere",
        max_jobs=3,
        max_transformations=5,
        max_retry_ids=7,
    )
    schemas = build_document(few)["components"]["schemas"]
    assert schemas["CreateProcess"]["properties"]["jobs"]["maxItems"] == 3
    assert schemas["Job"]["properties"]["transformations"]["maxItems"] == 5
    assert schemas["RetryProcesses"]["properties"]["process_ids"]["maxItems"] == 7
    assert SCHEMAS["CreateProcess"]["properties"]["jobs"]["maxItems"] == SETTINGS.max_jobs


def test_generators_find_one_type_and_one_title_for_each_schema() -> None:
    def walk(found: Any) -> Iterator[dict[str, Any]]:
        if isinstance(found, dict):
            yield found
            for below in found.values():
                yield from walk(below)
        elif isinstance(found, list):
            for below in found:
                yield from walk(below)

    for schema in walk(SCHEMAS):
        assert not isinstance(schema.get("type"), list), schema
        enum = schema.get("enum")
        assert not isinstance(enum, list) or len(set(map(type, enum))) == 1, schema
    for name, schema in SCHEMAS.items():
        assert schema.get("title", name) == name


def test_everything_is_described() -> None:
    silent = [
        f"{name}.{field}: describe it in service/api/openapi/descriptions.py"
        for name, schema in SCHEMAS.items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description")
    ]
    silent += [name for name, schema in SCHEMAS.items() if not schema.get("description")]
    assert silent == []


def test_every_transformation_has_an_example() -> None:
    unshown = [name for name in TYPES if name not in examples.TRANSFORMATIONS]
    assert unshown == [], "add one to service/api/openapi/examples.py"


def test_nothing_is_described_that_does_not_exist() -> None:
    fields = {(name, field) for name in SCHEMAS for field in SCHEMAS[name].get("properties", {})}
    known = {f"{name}.{field}" for name, field in fields} | {field for _, field in fields}
    assert set(FIELDS) <= known
    assert set(DESCRIBED_TYPES) <= set(SCHEMAS)


def test_every_error_of_the_api_is_shown_where_it_can_come() -> None:
    shown = {
        (int(status), example["value"]["code"])
        for _, _, operation in operations()
        for status, response in operation["responses"].items()
        if int(status) >= 400
        for content in response["content"].values()
        for example in content.get("examples", {}).values()
    }
    # one that nobody is there to read, one that comes before a route is known
    errors = set(HttpError.__subclasses__()) - {ClientGone, MalformedRequest}
    assert {(error.status, error.code) for error in errors} <= shown
    assert {code for status, code in shown if status == 400} >= {
        "invalid_request", "missing_field", "unknown_field", "unknown_transformation",
        "unsupported_format", "limit_exceeded", "too_deep", "invalid_json",
    }  # fmt: skip


def test_the_pages_files_are_the_published_ones() -> None:
    told = dict(re.findall(r"`(swagger-ui/\S+)` \| [\d.]+ \| `([0-9a-f]{64})`", _told()))
    vendored = [path for path in ASSETS.values() if path.parent != STATIC]
    assert {str(path.relative_to(STATIC)) for path in vendored} == set(told)
    for name, expected in told.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == expected
    assert (STATIC / "swagger-ui" / "LICENSE").exists()
    assert sum(path.stat().st_size for path in STATIC.rglob("*") if path.is_file()) < 2 * 1024**2


def _told() -> str:
    return (STATIC / "README.md").read_text()


def test_the_page_asks_for_local_files_only() -> None:
    page = (STATIC / "docs.html").read_text()
    asked = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {Path(name).name for name in asked if name.startswith("docs/")} == set(ASSETS)
    assert all(name.startswith("docs/") or name in {"data:,", "openapi.json"} for name in asked)
    assert "<script>" not in page
    assert "//" not in (STATIC / "docs.js").read_text()
    assert "http" not in POLICY
    assert "unsafe" not in POLICY
