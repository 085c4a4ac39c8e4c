"""Every error of a request that does not fit the schema: expected, path, found."""

import json
import posixpath
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from engine import InvalidRequest, Limits, parse_batch
from engine.schema import Height, Key, Width

GOOD: dict[str, Any] = {
    "source": "a.jpg",
    "jobs": [{"destination": "b.jpg", "transformations": [{"type": "resize", "width": 10}]}],
}


def with_transformation(**words: Any) -> dict[str, Any]:
    return {**GOOD, "jobs": [{"destination": "b.jpg", "transformations": [words]}]}


def with_job(**fields: Any) -> dict[str, Any]:
    return {**GOOD, "jobs": [{**GOOD["jobs"][0], **fields}]}


def error_of(body: Any, limits: Limits | None = None) -> InvalidRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(InvalidRequest) as caught:
        parse_batch(raw, limits or Limits())
    return caught.value


def test_a_value_is_not_taken_for_an_equal_one_that_was_read_before() -> None:
    assert parse_batch(json.dumps(with_transformation(type="resize", width=1)).encode())
    for refused in (True, "1h ."):
        assert error_of(with_transformation(type="resize", width=refused)).path.endswith("width")
    batch = parse_batch(json.dumps(with_transformation(type="resize", height=1)).encode())
    assert type(asdict(batch.jobs[0].transformations[0])["height"]) is Height


AT = "jobs[0].transformations[0]"


@pytest.mark.parametrize(
    ("body", "code", "path", "message"),
    [
        (
            with_transformation(type="resize", widht=1, width=2),
            "unknown_field",
            f"{AT}.widht",
            "'width'",
        ),
        (
            with_transformation(type="resise", width=2),
            "unknown_transformation",
            f"{AT}.type",
            "'resize'",
        ),
        (with_transformation(width=2), "missing_field", f"{AT}.type", "name of a transformation"),
        (with_transformation(type=5), "invalid_request", f"{AT}.type", "name of a transformation"),
        (
            with_transformation(type="flip"),
            "missing_field",
            f"{AT}.direction",
            "expected one of x, y, horizontal, vertical, got nothing",
        ),
        (
            with_transformation(type="flip", direction=5),
            "invalid_request",
            f"{AT}.direction",
            "expected one of x, y, horizontal, vertical, got 5",
        ),
        (
            with_transformation(type="crop", left=5, width=2),
            "unknown_field",
            f"{AT}.left",
            "expected one of width, height",
        ),
        (
            with_transformation(type="rotate"),
            "missing_field",
            f"{AT}.degrees",
            "expected a number from 0 to 360 with at most 2 decimals, got nothing",
        ),
        (
            with_transformation(type="crop", width=1, height=1, focus={"x": 1}),
            "missing_field",
            f"{AT}.focus.y",
            "expected a number from 0 to 1, got nothing",
        ),
        (
            with_transformation(type="crop", width=1, height=1, focus={"x": 1, "y": 1, "z": 1}),
            "unknown_field",
            f"{AT}.focus.z",
            "expected one of x, y",
        ),
        (
            with_transformation(type="annotation"),
            "missing_field",
            f"{AT}.text",
            "expected a string, got nothing",
        ),
        (
            with_transformation(type="blur", sigma=True),
            "invalid_request",
            f"{AT}.sigma",
            "got true",
        ),
        (
            with_transformation(type="blur", sigma=None),
            "invalid_request",
            f"{AT}.sigma",
            "got null",
        ),
        (
            {"source": "a", "jobs": [{"destination": "a.png", "transformations": [], "mode": 3}]},
            "invalid_request",
            "jobs[0].mode",
            "expected one of exact, balanced, got 3",
        ),
        (with_transformation(type="blur", sigma="nan"), "invalid_request", f"{AT}.sigma", '"nan"'),
        (
            with_transformation(type="blur", sigma="1e999"),
            "invalid_request",
            f"{AT}.sigma",
            '"1e999"',
        ),
        (
            with_transformation(type="contrast", level="ten"),
            "invalid_request",
            f"{AT}.level",
            "-100 to 100",
        ),
        (
            with_transformation(type="resize", width="5 em"),
            "invalid_request",
            f"{AT}.width",
            '"5 em"',
        ),
        (with_transformation(type="resize", width="５０"), "invalid_request", f"{AT}.width", "50%"),
        (
            with_transformation(type="crop", width=1, xoffset="٥"),
            "invalid_request",
            f"{AT}.xoffset",
            "٥",
        ),
        (
            with_transformation(type="contrast", level="٥"),
            "invalid_request",
            f"{AT}.level",
            "-100 to 100",
        ),
        (
            with_transformation(type="resize", height="50h"),
            "invalid_request",
            f"{AT}.height",
            "50w",
        ),
        (
            with_transformation(type="flip", direction="up"),
            "invalid_request",
            f"{AT}.direction",
            "one of x",
        ),
        (
            with_transformation(type="crop", width=1, fit="yes"),
            "invalid_request",
            f"{AT}.fit",
            '"yes"',
        ),
        (
            with_transformation(type="crop", width=1, gravity=3),
            "invalid_request",
            f"{AT}.gravity",
            "got 3",
        ),
        (with_transformation(type="resize"), "invalid_request", AT, "'width' and 'height'"),
        (with_transformation(type="watermark"), "invalid_request", AT, "exactly once"),
        (
            with_transformation(type="watermark", source="a", Source="b"),
            "invalid_request",
            AT,
            "exactly once",
        ),
        (with_job(quality=101), "invalid_request", "jobs[0].quality", "from 0 to 100"),
        (with_job(destination="b.doc"), "unsupported_format", "jobs[0].destination", "b.doc"),
        (with_job(destination="b"), "unsupported_format", "jobs[0].destination", "'format'"),
        (with_job(format="bmp"), "invalid_request", "jobs[0].format", "jpeg"),
        (with_job(destination="../b.jpg"), "invalid_request", "jobs[0].destination", '".."'),
        (with_job(nonsense=1), "unknown_field", "jobs[0].nonsense", "unknown"),
        ({**GOOD, "jobs": GOOD["jobs"] * 2}, "invalid_request", "jobs[1].destination", "again"),
        ({**GOOD, "jobs": []}, "invalid_request", "jobs", "length"),
        ({**GOOD, "source": 4}, "invalid_request", "source", "got 4"),
        (
            {"jobs": GOOD["jobs"]},
            "missing_field",
            "source",
            "expected a path in the storage, got nothing",
        ),
        ({"source": "a"}, "missing_field", "jobs", "expected an array, got nothing"),
        ([], "invalid_request", "", "an object"),
        (b'{"source": 1, x', "invalid_json", "", "expected JSON"),
        (b"{", "invalid_json", "", "expected JSON"),
        (b'{"source": "\xff"}', "invalid_json", "", "expected JSON"),
        (b"", "invalid_json", "", "expected JSON"),
        (b"[" * 5000, "too_deep", "", "at most 32"),
    ],
)
def test_error(body: Any, code: str, path: str, message: str) -> None:
    error = error_of(body)
    assert (error.code, error.path) == (code, path)
    assert message in error.message


def test_too_many_jobs() -> None:
    jobs = [{"destination": f"{n}.png", "transformations": []} for n in range(3)]
    error = error_of({**GOOD, "jobs": jobs}, Limits(max_jobs=2))
    assert (error.code, error.path) == ("limit_exceeded", "jobs")
    assert "at most 2" in error.message
    assert "got 3" in error.message


def test_too_many_transformations() -> None:
    error = error_of(with_job(transformations=[{"type": "ulb"}] * 3), Limits(max_transformations=2))
    assert (error.code, error.path) == ("limit_exceeded", "jobs[0].transformations")


def test_brackets_inside_strings_are_not_depth() -> None:
    body = with_transformation(type="annotation", text="[[[[[[[[[[[[{{{{{{{{" * 5)
    assert parse_batch(json.dumps(body).encode()).source == "a.jpg"


def test_numeric_strings_mean_numbers() -> None:
    text = with_job(
        quality="70",
        transformations=[
            {"type": "brightness", "bright_level": "230"},
            {"type": "resize", "width": "750"},
            {"type": "crop", "width": "10px", "fit": "false"},
        ],
    )
    numbers = with_job(
        quality=70,
        transformations=[
            {"type": "brightness", "bright_level": 230},
            {"type": "resize", "width": 750},
            {"type": "crop", "width": 10, "fit": False},
        ],
    )
    assert parse_batch(json.dumps(text).encode()) == parse_batch(json.dumps(numbers).encode())


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
        ["type", "width", "level", "source", "text", "filter", "sigma"]) | st.text(), inner),
    max_leaves=8,
))  # fmt: skip
def test_any_json_is_parsed_or_rejected(raw: Any) -> None:
    for body in (
        raw,
        {**GOOD, "jobs": raw},
        with_job(transformations=raw),
        with_transformation(a=raw),
    ):
        try:
            parse_batch(json.dumps(body).encode())
        except InvalidRequest:
            continue


NASTY = st.lists(
    st.sampled_from(
        ["..", ".", "/", "//", "\\", "%2e%2e", "%2f", "%252e", "%00", "\0", " ", "\n", "a", "ü",
         "\u2024", "\uff0e", "~", "C:", "\ud800", "a" * 300]
    ) | st.text(max_size=4),
    max_size=8,
).map("".join)  # fmt: skip


@given(NASTY)
def test_no_accepted_key_leaves_its_prefix(raw: str) -> None:
    try:
        key = Key.parse(raw)
    except ValueError:
        return
    for decoded in (key, unquote(key), unquote(unquote(key)), key.replace("\\", "/"), key.strip()):
        whole = posixpath.normpath(posixpath.join("/prefix", decoded))
        assert whole.startswith("/prefix/"), (raw, decoded)
        assert "\0" not in decoded
    assert posixpath.normpath(key) == key


@given(st.integers(1, 10**9 - 1), st.sampled_from(["", "px", " PX ", "%", " h"]))
def test_lengths_keep_what_was_written(amount: int, unit: str) -> None:
    length = Width.parse(f" {amount}{unit}")
    assert (int(length.amount), length.unit) == (amount, unit.strip().lower() or "px")


LONG = "x" * 50_000


@pytest.mark.parametrize(
    "body",
    [
        {**GOOD, LONG: 1},
        with_job(**{LONG: 1}),
        with_job(format="png", options={LONG: 1}),
        with_job(format=LONG),
        with_job(keep=LONG),
        with_job(mode=LONG),
        with_job(quality=LONG),
        with_job(destination=f"a.{LONG}"),
        with_job(destination=f"{LONG}/../a.png"),
        with_transformation(**{LONG: 1, "type": "flip"}),
        with_transformation(type=LONG),
        with_transformation(type="resize", width=LONG),
        with_transformation(type="flip", direction=LONG),
        with_transformation(type="resize", width=[LONG]),
        {**GOOD, "source": [LONG]},
        {**GOOD, "source": f"../{LONG}"},
        {**GOOD, "jobs": LONG},
        {**GOOD, "jobs": [{LONG: 1}]},
        {**GOOD, "jobs": [*GOOD["jobs"], {LONG: 1}]},
        {LONG: {LONG: LONG}},
    ],
)
def test_no_complaint_repeats_a_client_at_length(body: object) -> None:
    error = error_of(body)
    assert len(error.message) + len(error.path) < 700
