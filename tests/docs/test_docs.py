"""docs/api.md against the code, both ways: what a client may write, and what is shown."""

import json
import re
import shlex
import time
from enum import Enum
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Struct

from engine.cost import Cost
from engine.explain import Explanation, JobExplanation, TreeBranch
from engine.fonts import TYPEFACES
from engine.fonts.typefaces import ALIASES
from engine.schema import (
    DEFAULT_LIMITS,
    ENDINGS,
    KINDS,
    TYPES,
    Choice,
    CropGravity,
    Format,
    Gravity,
    Job,
    Number,
    Priority,
    Transform,
    parse,
)
from engine.sources import BLOCK, TRAITS, SourceFormat
from service.api.direct import with_destination
from service.api.handlers import FORMATS
from service.api.openapi.schemas import as_json
from service.api.processes import DEFAULT_LIMIT, LONGEST_WAIT, MAX_LIMIT
from service.api.processes.listing import NAMES
from service.callbacks.back_off import SCHEDULE
from service.callbacks.signature import sign
from service.http import (
    Created,
    CreateProcess,
    CreateResult,
    JobCounts,
    Preset,
    Problem,
    ProcessList,
    ProcessStatus,
    ProcessSummary,
    RetryProcesses,
    RetryResult,
)
from service.ids import new_webhook_secret
from service.presets import PresetDefinition, RawDefinition, read_draft
from tests.docs.pages import API, Row, blocks, rows, section, tables

DEFINITIONS = {
    "thumbnail": RawDefinition.of(
        '{"transformations": [{"type": "sharpen"}], "quality": 80, "background": "#fff"}'
    )
}
READERS: dict[frozenset[str], Any] = {
    frozenset({"service_id", "source", "jobs"}): CreateProcess,
    frozenset({"service_id", "process_ids"}): RetryProcesses,
    frozenset({"type"}): Transform,
    frozenset({"transformations"}): PresetDefinition,
    frozenset({"process_id", "jobs", "attempt"}): ProcessStatus,
    frozenset({"message", "code"}): Problem,
    frozenset({"status", "process_id"}): Created,
    frozenset({"processes"}): ProcessList,
}


def words(text: str) -> list[str]:
    """Return what stands between backticks."""
    return re.findall(r"`([\w-]+)`", text)


def read(shown: Any) -> Any:
    """Read an example as what it is of; fails for one that is nothing we know."""
    if isinstance(shown, list):
        kind = RetryResult if "description" in shown[0] else CreateResult
        return msgspec.convert(shown, list[kind])  # type: ignore[valid-type]
    kind = next(kind for keys, kind in READERS.items() if keys <= shown.keys())
    if kind is Transform:
        job = {"destination": "b.png", "transformations": [shown]}
        return read({"service_id": 1, "source": "a.png", "jobs": [job]})
    body = json.dumps(shown).encode()
    if kind is CreateProcess:
        body = with_destination(body)
    if draft := read_draft(body):
        body = draft.expand(DEFINITIONS, DEFAULT_LIMITS, len(body) + 1000).body
    if kind in {CreateProcess, RetryProcesses, PresetDefinition}:
        return parse(body, kind)
    assert shown.keys() <= {field.name for field in msgspec.structs.fields(kind)}
    return msgspec.json.decode(body, type=kind)


def compare(kind: type[Struct], table: dict[str, Row]) -> None:
    """Hold a table of fields to the struct: names, defaults, ranges, words."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    assert set(table) == set(fields)
    for name, field in fields.items():
        default, takes = table[name]["default"].strip("`"), table[name]["takes"]
        if field.required:
            assert default == "required", name
        elif field.default is UNSET:
            assert default == "–", name
        else:
            assert json.loads(default) == as_json(field.default), name
        for part in _types_in(field.type):
            if issubclass(part, Number):
                assert part.expected().removeprefix("a ") in takes, name
            elif part is CropGravity:
                assert words(takes)[0] == CropGravity.SMART.value, name
            elif issubclass(part, Enum) and part is not Gravity:
                assert set(words(takes)) >= {each.value for each in part}, name


def _types_in(hint: Any) -> list[type]:
    return [part for part in getattr(hint, "__args__", (hint,)) if isinstance(part, type)]


def test_every_transformation_has_its_section_and_nothing_else_has() -> None:
    titles = re.findall(r"^### (.+)$", section("Transformations"), re.MULTILINE)
    assert titles == list(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_every_option_is_documented_with_its_range_and_default(name: str) -> None:
    compare(TYPES[name], rows(section(name), "option"))


def test_the_fields_of_a_request_are_documented() -> None:
    batch, job = (
        {row["field"].strip("`"): row for row in table}
        for table in tables(section("POST /request"))
        if "field" in table[0]
    )
    compare(CreateProcess, batch)
    assert "preset" in job.pop("preset")["takes"]
    compare(Job, job)
    assert set(words(job["format"]["takes"])) == set(ENDINGS)
    assert words(batch["priority"]["takes"]) == [each.value for each in Priority]


@pytest.mark.parametrize("name", KINDS)
def test_the_options_of_each_format_are_documented(name: str) -> None:
    titles = {title.lower(): title for title in re.findall(r"^#{5} (.+)$", API, re.MULTILINE)}
    table = rows(section(titles[name]), "option")
    compare(KINDS[name], table)
    for field in msgspec.structs.fields(KINDS[name]):
        if issubclass(field.type, Choice):
            told = re.findall(r"`([^`]+)`", table[field.name]["takes"])
            assert tuple(told) == field.type.choices


def test_the_fields_of_a_preset_are_documented() -> None:
    told = [name for row in rows(section("Presets"), "field") for name in row.split("`, `")]
    assert sorted(told) == sorted(PresetDefinition.__struct_fields__)
    assert set(words(section("Presets"))) >= set(Preset.__struct_fields__)


def test_the_fields_of_a_retry_are_documented() -> None:
    compare(RetryProcesses, rows(section("POST /retry"), "field"))


def test_the_fields_of_a_status_are_documented() -> None:
    told = set(words(section("GET /request/{process_id}")))
    assert {field.name for field in msgspec.structs.fields(ProcessStatus)} <= told


def test_the_fields_and_the_query_of_a_list_are_documented() -> None:
    told = set(re.findall(r"`?\b(\w+)\b", section("GET /requests")))
    for kind in (ProcessList, ProcessSummary, JobCounts):
        assert {field.name for field in msgspec.structs.fields(kind)} <= told
    table = rows(section("GET /requests"), "parameter")
    assert set(table) == set(NAMES)
    assert table["limit"]["takes"] == f"1 to {MAX_LIMIT}"
    assert table["limit"]["default"] == str(DEFAULT_LIMIT)
    assert f"(0 to {LONGEST_WAIT})" in section("GET /request/{process_id}")


def test_every_gravity_is_documented() -> None:
    told = words(section("Gravity"))
    told = told[: told.index("middle") + 1]
    assert {Gravity(word) for word in told} == set(Gravity)
    assert set(told) == {each.value for each in Gravity} | {"middle"}
    assert {each.value for each in CropGravity} == {each.value for each in Gravity} | {"smart"}


def test_every_filter_and_every_way_to_fit_is_explained() -> None:
    for name, option, column in (
        ("filter", "filter", "name"),
        ("fitmethod", "fit_type", "fit_type"),
    ):
        takes = rows(section(name), "option")[option]["takes"]
        assert set(rows(section(name), column)) == set(words(takes))


def test_the_fonts_are_documented_with_their_styles_and_what_they_stand_for() -> None:
    told = {
        name: row
        for cell, row in rows(section("Fonts"), "name").items()
        for name in re.findall(r"[A-Z][\w ]+", cell)
    }
    assert set(told) == set(ALIASES)
    for name, row in told.items():
        assert row["font"].startswith(ALIASES[name])
        for style in row["styles"].split(", "):
            assert TYPEFACES.find(f"{name} {style}").style.value == style


def test_the_formats_of_this_version_are_documented() -> None:
    told = {name.lower(): row for name, row in rows(section("Formats"), "format").items()}
    assert set(told) == {each.value for each in SourceFormat}
    written = {name for name, row in told.items() if row["written"] == "yes"}
    assert written == {each.value for each in TRAITS} == {each.value for each in Format}
    clear = {name for name in written if row_has_alpha(told[name])}
    assert clear == {each.value for each, traits in TRAITS.items() if traits.alpha}


def row_has_alpha(row: Row) -> bool:
    """Return whether a format keeps anything of transparency."""
    return not row["transparency"].startswith("flattened")


@pytest.mark.parametrize("example", blocks("json"))
def test_every_json_example_is_what_it_says(example: str) -> None:
    assert read(json.loads(example)) is not None


def test_every_transformation_has_an_example_of_its_own() -> None:
    for name in TYPES:
        [example] = blocks("json", section(name))
        assert json.loads(example)["type"] == name


def test_the_fields_of_an_explanation_are_documented() -> None:
    told = set(words(section("POST /explain")))
    for kind in (Explanation, JobExplanation, TreeBranch, Cost):
        assert {field.name for field in msgspec.structs.fields(kind)} <= told


def test_the_forms_of_an_explanation_are_documented() -> None:
    told = rows(section("POST /explain"), "`Accept`")
    assert [re.findall(r"`(\S+/\S+)`", f"`{name}`")[0] for name in told] == list(FORMATS)


def test_what_is_read_for_an_explanation_is_documented_of_every_format() -> None:
    told = rows(section("POST /explain"), "format")
    assert {name.lower() for cell in told for name in cell.split(", ")} == {
        each.value for each in SourceFormat
    }
    assert f"{BLOCK:,} bytes" in section("POST /explain")


def test_the_calls_are_calls_of_this_api() -> None:
    seen = []
    for block in blocks("bash"):
        curl, *options = shlex.split(block)
        assert curl == "curl"
        method = options.pop(0) if options[0] == "-X" and options.pop(0) else ""
        url = options.pop(0)
        told = dict(zip(options[::2], options[1::2], strict=True))
        if body := told.get("-d"):
            assert read(json.loads(body)) is not None
        call = f"{method} {url.removeprefix('$URL')}".strip()
        seen.append((call, "Authorization: Bearer $TOKEN" in options))
    assert seen == [
        ("/request", True), ("/request/$ID", True), ("/retry", True), ("/request", True),
        ("/openapi.json", False), ("PUT /presets/thumbnail", True), ("/explain", True),
        ("/preview", True),
    ]  # fmt: skip


def test_the_code_that_checks_a_callback_checks_it() -> None:
    [code] = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(code, "docs/api.md", "exec"), names)
    secret, now, body = new_webhook_secret(), int(time.time()), b'{"status": "FINISHED"}'
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(now),
        "Webhook-Signature": sign([new_webhook_secret(), secret], "msg_1", now, body),
    }
    assert names["read_callback"](secret, headers, body) == {"status": "FINISHED"}
    assert names["read_callback"](secret, headers, body + b" ") is None
    assert names["read_callback"](new_webhook_secret(), headers, body) is None


def test_the_schedule_of_the_callbacks_is_documented() -> None:
    [told] = re.findall(r"it is sent again: (.*?),\s+each", section("Callbacks"), re.DOTALL)
    units = {"s": 1, "min": 60, "h": 3600}
    waits = [int(count) * units[unit] for count, unit in re.findall(r"(\d+) (s|min|h)\b", told)]
    assert tuple(waits) == SCHEDULE
