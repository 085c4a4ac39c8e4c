"""What is told of a mistake is about that mistake."""

import json
from typing import Any

import pytest

from engine.errors import InvalidRequest
from engine.schema import Format, parse_batch


def told(body: Any) -> str:
    text = body if isinstance(body, str) else json.dumps(body)
    with pytest.raises(InvalidRequest) as caught:
        parse_batch(text.encode())
    return caught.value.message


def batch(*transformations: Any, source: str = "in.png", **job: Any) -> Any:
    described = {"destination": "out.png", "transformations": list(transformations), **job}
    return {"source": source, "jobs": [described]}


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("width", 10**9, "expected a width below 1,000,000,000, got 1000000000"),
        ("width", "1e9", "expected a width above 0, such as"),
        ("width", -(10**9), "expected a width above 0, such as"),
        ("height", "1000000000px", "expected a height below 1,000,000,000"),
        ("height", 10**40, "expected a height below 1,000,000,000"),
        ("xoffset", 10**9, "expected an offset below 1,000,000,000"),
    ],
)
def test_a_length_that_is_too_long_is_reported_so(option: str, value: Any, expected: str) -> None:
    words = {"type": "crop", "width": 5, option: value}
    assert told(batch(words)).startswith(f"jobs[0].transformations[0].{option}: {expected}")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ('{"type": "nope", "type": "flip", "direction": "x"}', "jobs[0].transformations[0].type"),
        (
            '{"type": "flip", "direction": 1, "direction": "x"}',
            "jobs[0].transformations[0].direction",
        ),
    ],
)
def test_a_repeated_key_is_named(body: str, path: str) -> None:
    text = json.dumps(batch("?")).replace('"?"', body)
    assert told(text) == f"{path}: expected the key once, got it more than once"


def test_of_repeated_keys_whose_values_are_all_right_the_last_counts() -> None:
    body = '{"type": "flip", "direction": "vertical", "direction": "horizontal"}'
    text = json.dumps(batch("?")).replace('"?"', body)
    last = batch({"type": "flip", "direction": "horizontal"})
    assert parse_batch(text.encode()) == parse_batch(json.dumps(last).encode())


def test_what_is_no_repeated_key_is_reported_as_before() -> None:
    assert "did you mean 'flip'?" in told(batch({"type": "flop", "direction": "x"}))
    assert told(batch({"type": "pad", "height": 5})).endswith(  # "right" is not what was meant
        "unknown field 'height'; expected one of width, top, right, bottom, left, color, opacity"
    )


@pytest.mark.parametrize("url", ["https://a.example/b.jpg", "S3://bucket/b", "file:///etc"])
def test_a_url_is_called_one(url: str) -> None:
    assert told(batch(source=url)).startswith(
        "source: expected a path inside the storage: it is a URL, not a path"
    )


@pytest.mark.parametrize("name", ["JPG", "Jpeg", "jpe", "TIF", "WebP"])
def test_a_format_may_be_written_in_any_case(name: str) -> None:
    (made,) = parse_batch(json.dumps(batch(format=name)).encode()).jobs
    assert isinstance(made.format, Format)
