"""No regular expression over a client's or a file's bytes takes more than linear time.

Each pattern is fed what makes such patterns backtrack: its own letters, one and two at a
time, over and over, as long as it may ever see, and an end that fits nothing.
"""

import ast
import importlib
import itertools
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from re import _parser as sre  # type: ignore[attr-defined]  # there is no public one
from typing import Any, NamedTuple

import pytest

import engine
import service
from engine.sources import HEAD
from tests.hostile.guard import Hung, ends

FAR = 64 * 1024  # what is quadratic takes ten seconds for as many, what is linear a few ms


class Use(NamedTuple):
    """How a pattern is used, and the most characters that it is used on."""

    method: str
    longest: int = FAR


KEY, SCALAR, LINE = 1_024, 48, 8_190
TEXT = "engine.schema.scalars"
USES = {
    "engine.expand.text_layout:LINE_END": Use("split"),
    "engine.explain.svg:UNSPEAKABLE": Use("sub"),
    "engine.fonts.typefaces:IGNORABLE": Use("sub"),
    "engine.schema.parsing:BRACKET": Use("findall"),
    "engine.schema.parsing:JOB_PATH": Use("search"),
    "engine.schema.parsing:STEP": Use("findall"),
    "engine.schema.parsing:STRING": Use("sub"),
    "engine.schema.parsing:TRANSFORMATION_PATH": Use("search"),
    "engine.schema.parsing:_EXPLANATIONS": Use("fullmatch"),
    f"{TEXT}:COLOUR": Use("fullmatch"),
    f"{TEXT}:LENGTH": Use("fullmatch", SCALAR),
    f"{TEXT}:NUMERIC": Use("fullmatch", SCALAR),
    f"{TEXT}:OFFSET": Use("fullmatch", SCALAR),
    f"{TEXT}:PERCENT_ENCODED": Use("search", KEY),
    f"{TEXT}:PLAIN_KEY": Use("fullmatch"),
    "engine.schema.transforms:CONTROL": Use("search"),
    "engine.sources.copyright_metadata:CONTROL": Use("split"),
    "engine.sources.formats:_BEGINNINGS": Use("match", HEAD),
    "engine.sources.formats:_STRANGERS": Use("match", HEAD),
    "engine.sources.xml_root:_DECLARATION_TOKEN": Use("search", HEAD),
    "engine.sources.xml_root:_DOCUMENT_TYPE": Use("match", HEAD),
    "engine.sources.xml_root:_NAME_END": Use("search", HEAD),
    "engine.sources.xml_root:_SPACE": Use("match", HEAD),
    "service.http.middleware:REQUEST_ID": Use("fullmatch", LINE),
    "service.http.middleware:TRACEPARENT": Use("fullmatch", LINE),
    "service.ids:PROCESS_ID": Use("fullmatch"),
    "service.logs:SECRETS": Use("sub"),
    "service.logs:SECRET_NAME": Use("fullmatch"),
    "service.logs:URL_REST": Use("sub"),
    "service.logs:URL_USER": Use("match"),
    "service.sandbox.child.memory:NOW": Use("search", LINE),
    "service.sandbox.child.memory:PEAK": Use("search", LINE),
    "service.storage.folder:UNFINISHED": Use("fullmatch"),
    "service.storage.s3:NO_CODE": Use("sub"),
    "service.storage.urls:BUCKET": Use("fullmatch"),
    "service.store.queries:NAME": Use("split"),
}
PATIENCE = 2.0  # seconds


def test_every_pattern_is_listed_with_its_use() -> None:
    assert set(USES) == set(_patterns())


@pytest.mark.parametrize("name", USES)
def test_a_pattern_ends_soon_whatever_it_is_fed(name: str) -> None:
    method, longest = USES[name]
    for pattern in _patterns()[name]:
        for text in _hostile(pattern, longest):
            with ends((pattern.pattern, text[:20]), PATIENCE):
                getattr(pattern, method)(*[text[:0]] * (method == "sub"), text)


BACKTRACKS = [
    rb"(?:\s|<!--.*?-->)*<svg", r"(?<=://)[^:]*:[^ ]+(?=@)", r"(a|a)*b", r"\s*a?\s*b"
]  # fmt: skip


@pytest.mark.parametrize("known", BACKTRACKS)
def test_a_pattern_that_backtracks_would_be_found(known: Any) -> None:
    with pytest.raises(Hung), ends(known, PATIENCE / 4):
        _search_all(re.compile(known, re.DOTALL))


def _search_all(pattern: re.Pattern[Any]) -> None:
    for text in _hostile(pattern, FAR):
        pattern.search(text)


def test_patterns_have_names() -> None:
    """A pattern in the middle of a function escapes the list."""
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
                assert ast.unparse(node.func) in {"re.compile", "re.escape"}, path


def _sources() -> Iterator[Path]:
    for package in (engine, service):
        yield from Path(package.__path__[0]).rglob("*.py")


def _patterns() -> dict[str, list[re.Pattern[Any]]]:
    """Find the patterns of all modules by the names that hold them, each where it is made."""
    found: dict[str, list[re.Pattern[Any]]] = {}
    for package in (engine, service):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                names = vars(importlib.import_module(module.name))
                made = Path(str(names["__file__"])).read_text()
                for name, value in names.items():
                    patterns = list(_within(value))
                    if patterns and re.search(rf"^{name}\b.*=", made, re.MULTILINE):
                        found[f"{module.name}:{name}"] = patterns
    return found


def _within(value: object, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    match value:
        case re.Pattern():
            yield value
        case list() | tuple() | set() | frozenset() if depth < 3:
            for item in value:
                yield from _within(item, depth + 1)
        case dict() if depth < 3:
            yield from _within([*value, *value.values()], depth + 1)


def _hostile(pattern: re.Pattern[Any], longest: int) -> Iterator[Any]:
    """Give texts that begin, go on and end with what the pattern knows, and that fit nowhere."""
    parts: list[list[int]] = []
    whole = _walk(sre.parse(pattern.pattern, pattern.flags), parts)
    letters = [[letter] for letter in sorted({letter for part in parts for letter in part})]
    pairs = (one + two for one, two in itertools.product(letters[:8], letters[:8]))
    for before, unit in itertools.product(([], whole), [*filter(None, parts), *letters, *pairs]):
        yield _text(pattern, before + unit * (longest // len(unit)) + [1])


def _text(pattern: re.Pattern[Any], codes: list[int]) -> str | bytes:
    return bytes(codes) if isinstance(pattern.pattern, bytes) else "".join(map(chr, codes))


def _walk(tree: Any, found: list[list[int]]) -> list[int]:
    """Give the shortest text of a sequence; adds it and those of the parts within to `found`."""
    word: list[int] = []
    for kind, value in tree:
        name = str(kind)
        if name == "LITERAL":
            word.append(value)
        elif name in {"NOT_LITERAL", "ANY"}:
            word.append(ord("a"))
        elif name == "IN":
            word.append(_member(value))
        elif name == "BRANCH":
            first, *_ = [_walk(branch, found) for branch in value[1]]  # all of them, for `found`
            word += first
        elif name == "SUBPATTERN":
            word += _walk(value[3], found)
        elif name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            word += _walk(value[2], found) * max(1, min(int(value[0]), 4))
        elif name in {"ASSERT", "ASSERT_NOT"}:
            inner = _walk(value[1], found)
            word = inner + word if value[0] < 0 else word
    found.append(word)
    return word


SAMPLES = {"CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a"}


def _member(options: Any) -> int:
    """Give a character of a class; of a negated one any that is not listed."""
    listed = {value for kind, value in options if str(kind) == "LITERAL"}
    for kind, value in options:
        if str(kind) == "NEGATE":
            return next(code for code in map(ord, "a.: /\"'<0") if code not in listed)
        if str(kind) == "LITERAL":
            return int(value)
        if str(kind) == "RANGE":
            return int(value[0])
        if str(kind) == "CATEGORY":
            return ord(SAMPLES.get(str(value), "a"))
    return ord("a")
