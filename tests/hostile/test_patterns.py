"""No regular expression over a client's or a file's bytes takes more than linear time.

Each pattern is fed what makes such patterns backtrack: its own letters, one and two at a
time, over and over, as long as it may ever see, and an end that fits nothing.
"""

import ast
import itertools
import re
from typing import Any

import pytest

from tests.hostile.guard import Hung, ends
from tests.hostile.patterns import hostile_texts, known_patterns, sources

FAR = 16 * 1024  # what is quadratic takes 0.7 seconds for as many, what is linear a few ms
SHORT = {  # the most characters that are ever put to these, where that is less
    "engine.schema.scalars:LENGTH": 48,
    "engine.schema.scalars:NUMERIC": 48,
    "engine.schema.scalars:OFFSET": 48,
    "engine.schema.keys:PERCENT_ENCODED": 1_024,
}
PATIENCE = 0.25  # seconds of the processor


def test_every_pattern_ends_soon_whatever_it_is_fed() -> None:
    for name, uses in known_patterns().items():
        for pattern, methods in uses:
            texts = hostile_texts(pattern, SHORT.get(name, FAR))
            for text, method in itertools.product(texts, methods):
                with ends((name, pattern.pattern, text[:20], method), PATIENCE):
                    _use(pattern, method, text)


def _use(pattern: re.Pattern[Any], method: str, text: Any) -> None:
    if method == "sub":
        pattern.sub(text[:0], text)
    elif method == "finditer":
        list(pattern.finditer(text))
    else:
        getattr(pattern, method)(text)


def test_patterns_are_found_with_their_use() -> None:
    known = known_patterns()
    assert set(SHORT) <= set(known)
    assert {use.methods for use in known["engine.schema.parsing:STRING"]} == {frozenset({"sub"})}
    assert len(known["engine.sources.formats:_BEGINNINGS"]) == 5


BACKTRACKS = [
    rb"(?:\s|<!--.*?-->)*<svg", r"(?<=://)[^:]*:[^ ]+(?=@)", r"(a|a)*b", r"\s*a?\s*b"
]  # fmt: skip


@pytest.mark.parametrize("known", BACKTRACKS)
def test_a_pattern_that_backtracks_would_be_found(known: Any) -> None:
    with pytest.raises(Hung), ends(known, PATIENCE / 4):
        _search_all(re.compile(known, re.DOTALL))


def _search_all(pattern: re.Pattern[Any]) -> None:
    for text in hostile_texts(pattern, FAR):
        pattern.search(text)


def test_patterns_have_names() -> None:
    """A pattern in the middle of a function escapes the list."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
                assert ast.unparse(node.func) in {"re.compile", "re.escape"}, path
