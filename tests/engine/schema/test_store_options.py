"""What is kept with an object: read, bounded, and never more than the one header that it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidRequest
from engine.schema import StoreOptions
from engine.schema.store_options import ContentDisposition, HeaderText, Metadata
from tests.engine.images import job

FULL = {
    "cache_control": "public, max-age=31536000, immutable",
    "content_disposition": "attachment; filename=\"shoe.jpg\"; filename*=UTF-8''sch%C3%B6n.jpg",
    "metadata": {"Order": "1042", "photo-by": "A. Adams"},
    "acl": "public-read",
    "storage_class": "STANDARD_IA",
}


def read(**store: Any) -> StoreOptions:
    return job(store=store).store


def told(**store: Any) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        job(store=store)
    return caught.value.path, caught.value.message


def test_what_is_asked_for_is_read() -> None:
    store = read(**FULL)
    for name in ("cache_control", "content_disposition", "acl", "storage_class"):
        assert getattr(store, name) == FULL[name]
    assert dict(store.given["metadata"]) == {"order": "1042", "photo-by": "A. Adams"}
    assert store
    assert not read()
    assert not job().store


@pytest.mark.parametrize(
    "text",
    [
        "",
        " a",
        "a ",
        "a  b",
        "a\r\nX: 1",
        "a\n",
        "a\0",
        "a\tb",
        "a\x7f",
        "naïve",
        "a\u2028b",
        5,
        None,
    ],
)
def test_no_text_can_be_more_than_one_header(text: Any) -> None:
    for name in ("cache_control", "content_disposition"):
        path, message = told(**{name: text})
        assert path == f"jobs[0].store.{name}"
        assert "printable ASCII characters" in message
        assert message.isprintable()
    path, message = told(metadata={"a": text})
    assert path == "jobs[0].store.metadata.a"
    assert message.isprintable()


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nX", "-a", "é", "a" * 65, "a.b"])
def test_a_name_of_metadata_is_one_word(name: str) -> None:
    _, message = told(metadata={name: "x"})
    assert "expected a name of its own, of at most 64 letters, digits, - and _" in message
    assert message.isprintable()


@pytest.mark.parametrize(
    ("store", "place", "expected"),
    [
        ({"cache_control": "a" * 257}, "cache_control", "expected 1 to 256 printable"),
        ({"content_disposition": "a" * 1025}, "content_disposition", "expected 1 to 1,024"),
        ({"metadata": {"a": "x", "A": "y"}}, "metadata.A", "expected a name of its own"),
        ({"metadata": {"a": "x" * 1500, "b": "x" * 1500}}, "metadata", "got 3,002"),
        ({"metadata": ["a"]}, "metadata", "expected an object of strings, got an array"),
        ({"acl": "everybody"}, "acl", "expected one of private, public-read"),
        ({"storage_class": "cold"}, "storage_class", "expected a storage class such as"),
        ({"cachecontrol": "x"}, "cachecontrol", "did you mean 'cache_control'?"),
    ],
)
def test_a_mistake_is_named_with_its_place(store: Any, place: str, expected: str) -> None:
    path, message = told(**store)
    assert path == f"jobs[0].store.{place}"
    assert expected in message


@given(text=st.text(max_size=40), name=st.text(max_size=12))
def test_whatever_is_read_may_stand_in_a_header(text: str, name: str) -> None:
    for kind, raw in ((ContentDisposition, text), (Metadata, {name: text})):
        try:
            found = kind.parse(raw)
        except ValueError:
            continue
        parts = [found] if isinstance(found, HeaderText) else [*found[0]]
        assert all(part.isascii() and part.isprintable() and part == part.strip() for part in parts)
        json.dumps(found)


def test_a_job_goes_before_the_defaults_and_metadata_add_up() -> None:
    defaults = read(cache_control="no-cache", acl="private", metadata={"a": "1", "b": "2"})
    asked = read(cache_control="max-age=60", metadata={"B": "3"})
    assert asked.over(defaults) == read(
        cache_control="max-age=60", acl="private", metadata={"a": "1", "b": "3"}
    )
    assert read().over(defaults) == defaults
    assert asked.over(read()) == asked
