"""The project's regular expressions, and texts that make such expressions backtrack."""

import importlib
import itertools
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import engine
import service

sre: Any = importlib.import_module("re._parser")  # there is no public one
PACKAGES = (engine, service)
CALL = re.compile(r"\b(\w+)\.(match|fullmatch|search|sub|split|findall|finditer)\(")
USUAL = frozenset({"match", "fullmatch"})


class Known(NamedTuple):
    """A pattern, and the methods that the project calls on it."""

    pattern: re.Pattern[Any]
    methods: frozenset[str]


def sources() -> Iterator[Path]:
    """Yield all modules' files."""
    for package in PACKAGES:
        yield from Path(package.__path__[0]).rglob("*.py")


@cache
def known_patterns() -> dict[str, list[Known]]:
    """Find the patterns of all modules by the names that hold them, each where it is made."""
    calls = {call for path in sources() for call in CALL.findall(path.read_text())}
    found: dict[str, list[Known]] = {}
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("__main__"):
                continue
            names = vars(importlib.import_module(module.name))
            text = Path(str(names["__file__"])).read_text()
            for name, value in names.items():
                methods = frozenset(method for holder, method in calls if holder == name) or USUAL
                patterns = [Known(pattern, methods) for pattern in _within(value)]
                if patterns and re.search(rf"^{name}\b.*=", text, re.MULTILINE):
                    found[f"{module.name}:{name}"] = patterns
    return found


def _within(value: object, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    match value:
        case re.Pattern():
            yield value
        case list() | tuple() | set() | frozenset() if depth < 4:
            for item in value:
                yield from _within(item, depth + 1)
        case dict() if depth < 4:
            yield from _within([*value, *value.values()], depth + 1)


def hostile_texts(pattern: re.Pattern[Any], longest: int) -> Iterator[Any]:
    """Yield texts that begin, go on and end with what the pattern knows, and that fit nowhere."""
    parts: list[list[int]] = []
    whole = _walk(sre.parse(pattern.pattern, pattern.flags), parts)
    letters = [[letter] for letter in sorted({letter for part in parts for letter in part})]
    pairs = (one + two for one, two in itertools.product(letters[:6], letters[:6]))
    for before, unit in itertools.product(([], whole), [*filter(None, parts), *letters, *pairs]):
        middle = _text(pattern, unit) * (longest // len(unit))
        yield _text(pattern, before) + middle + _text(pattern, [1])


def _text(pattern: re.Pattern[Any], codes: list[int]) -> Any:
    return bytes(codes) if isinstance(pattern.pattern, bytes) else "".join(map(chr, codes))


def _walk(tree: Any, found: list[list[int]]) -> list[int]:
    """Return the shortest text of a sequence; adds it and those of the parts within to `found`."""
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
    """Return a character of a class; of a negated one any that is not listed."""
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
