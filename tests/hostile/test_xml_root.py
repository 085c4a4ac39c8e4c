"""The root of an XML document is found in one pass, whatever stands before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine import EngineLimits, Source, read_facts
from engine.errors import UnsupportedFormat
from engine.sources import HEAD, SourceFormat, describe, sniff
from tests.engine.uploads import SVG
from tests.hostile.guard import ends

ITEMS = [
    b"<!-- a > b ' ] <svg> -->", b"<!---->", b"<?xml version='1.0'?>", b"<?a <svg>?>", b"\n ",
    b"<!DOCTYPE svg>", b"<!doctype svg PUBLIC '-//W3C' \"a>b\">",
    b"<!DOCTYPE svg [<!ENTITY a ']>'><!-- ]> ' --><?b ]>?>\n]>", b"<!DOCTYPE svg [[a]]>",
]  # fmt: skip


@given(some.lists(some.sampled_from(ITEMS), max_size=9), some.sampled_from([b"svg", b"s:SVG"]))
def test_svg_is_recognised_behind_anything(items: list[bytes], root: bytes) -> None:
    before = b"".join(items)
    assert sniff(before + b"<" + root + b" a='b'>") is SourceFormat.SVG
    assert sniff(b"\xef\xbb\xbf" + before + b"<" + root + b"/>") is SourceFormat.SVG
    for other in (b"<svgx>", b"<p><svg>", b"x<svg>", b"", b"<", b"<svg"):
        assert sniff(before + other) is None


UNITS = [
    *ITEMS, b"<", b"<!", b"<!--", b"<!-- -", b"-->", b"<?", b"<??>", b"<!doctype", b"<!DOCTYPE [",
    b"<!DOCTYPE '", b"'", b'"', b"[", b"]", b">", b" ", b"<!doctype svg>", b"<a", b"svg:",
]  # fmt: skip


@pytest.mark.parametrize("first", UNITS)
def test_any_head_is_recognised_soon(first: bytes) -> None:
    """Within 16 kB: what is quadratic takes seconds for as many."""
    for second in UNITS:
        head = first * 20 + second * (HEAD // 4 // len(second))
        with ends((first, second), 0.25):
            assert sniff(head) in {None, SourceFormat.SVG}
            assert describe(head)


def test_a_long_comment_hides_no_svg() -> None:
    """One of 60 kB is read; behind a longer one nobody looks, and that is said."""
    svg = SVG.replace(b"<svg", b"<!--" + b" licence" * 7500 + b"-->" + b"<svg", 1)
    facts = read_facts(Source.from_bytes(svg), EngineLimits(allow_svg=True))
    assert facts.format is SourceFormat.SVG
    longer = SVG.replace(b"<svg", b"<!--" + b" licence" * 9000 + b"-->" + b"<svg", 1)
    with pytest.raises(UnsupportedFormat, match="root element is not in its first 65,536 bytes"):
        read_facts(Source.from_bytes(longer), EngineLimits(allow_svg=True))
