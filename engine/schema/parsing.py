"""Parses JSON as the request schema; errors have the path and the value that was found."""

import difflib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import cache, partial
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from engine.errors import InvalidRequest, LimitExceeded
from engine.schema.job import Batch, Job
from engine.schema.scalars import InvalidField, clipped, decode_option, shown
from engine.schema.store_options import StoreOptions
from engine.schema.transforms import TYPES

T = TypeVar("T")

STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
BRACKET = re.compile(rb"[\[\]{}]")
CLOSE = 0.75  # as difflib measures: "flop" is close to "flip", and "height" is not to "right"
STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
TRANSFORMATION_PATH = re.compile(r"transformations\[\d+\]$")
JOB_PATH = re.compile(r"jobs\[\d+\]$")
STORE_PATH = re.compile(r"(?:^|jobs\[\d+\]\.)store$")
WRONG_TYPE = re.compile(r"Expected `([^`]*)`(?:, got `[^`]*`)?( of length [<>=]+ \d+)?", re.DOTALL)
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
MAX_REREAD = 1 << 20  # bytes of a body that is read once more for the sake of a message
JSON_NAMES = {
    "str": "a string", "int": "a whole number", "float": "a number", "bool": "true or false",
    "array": "an array", "object": "an object", "null": "null",
}  # fmt: skip


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one request may ask for; each is refused before any work."""

    max_jobs: int = 64
    max_transformations: int = 64
    max_depth: int = 32


DEFAULT_LIMITS = Limits()

_decoder: Callable[[type], msgspec.json.Decoder[Any]] = cache(
    partial(msgspec.json.Decoder, dec_hook=decode_option)
)


def parse_batch(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Batch:
    """Read a batch: an object with ``source`` and ``jobs``."""
    return parse(body, Batch, limits)


def parse(body: bytes, kind: type[T], limits: Limits = DEFAULT_LIMITS) -> T:
    """Read JSON as `kind`, a struct of the request schema; raises InvalidRequest."""
    _check_depth(body, limits.max_depth)
    try:
        parsed: T = _decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        raise _invalid_request(error, body, kind) from None
    except NOT_JSON as error:
        raise _not_json(error) from None
    _check_counts(getattr(parsed, "jobs", ()), limits)
    return parsed


def _check_depth(body: bytes, most: int) -> None:
    if body.count(b"[") + body.count(b"{") <= most:
        return
    depth = 0
    for bracket in BRACKET.findall(STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > most:
            raise InvalidRequest(
                f"expected JSON nested at most {most} deep, got deeper", code="too_deep"
            )


def _check_counts(jobs: tuple[Job, ...], limits: Limits) -> None:
    if len(jobs) > limits.max_jobs:
        raise _too_many("jobs", "jobs", limits.max_jobs, len(jobs))
    for index, job in enumerate(jobs):
        count = len(job.transformations)
        if count > limits.max_transformations:
            path = f"jobs[{index}].transformations"
            raise _too_many(path, "transformations", limits.max_transformations, count)


def _too_many(path: str, things: str, most: int, got: int) -> InvalidRequest:
    return InvalidRequest(
        f"{path}: expected at most {most} {things}, got {got}", path, code=LimitExceeded.code
    )


def _invalid_request(error: msgspec.ValidationError, body: bytes, kind: type) -> InvalidRequest:
    """Convert msgspec's error to ours: the path as the client wrote it, and what was found."""
    message, _, place = str(error).partition(" - at `$")
    path = place.removesuffix("`").removeprefix(".")
    if isinstance(cause := error.__cause__, InvalidField):
        return _invalid(_join(path, cause.place), message, cause.code)
    whole, parent = _raw_json(body), path.rpartition(".")[0]
    raw, owner = _value_at(whole, path), _struct_at(parent, _value_at(whole, parent), kind)
    if _is_repeated(body, path):
        return _invalid(path, "expected the key once, got it more than once")
    for pattern, explain in _EXPLANATIONS.items():
        if found := pattern.fullmatch(message):
            return explain(found, path, raw, owner)
    return _invalid(path, message)


def _raw_json(body: bytes) -> Any:
    """Read JSON without the schema; parsing may have stopped before a later mistake."""
    try:
        return msgspec.json.decode(body)
    except NOT_JSON as error:
        raise _not_json(error) from None


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys are there more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs) if len(self) < len(pairs) else Counter[str]()
        self.repeated = {name for name, count in counts.items() if count > 1}


def _is_repeated(body: bytes, path: str) -> bool:
    """Tell whether an object has a key more than once: another value was checked than is shown."""
    if len(body) > MAX_REREAD:
        return False
    parent, _, name = path.rpartition(".")
    try:
        found = _value_at(json.loads(body, object_pairs_hook=_Object), parent)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, _Object) and name in found.repeated


def _not_json(error: Exception) -> InvalidRequest:
    return InvalidRequest(f"expected JSON: {error}", code="invalid_json")


def _unknown_field(found: re.Match[str], path: str, raw: Any, kind: type) -> InvalidRequest:
    name = clipped(found[1])
    known = _field_names(_struct_at(path, raw, kind))
    hint = _nearest(name, known) or f"; expected one of {', '.join(known)}"
    return _invalid(_join(path, name), f"unknown field {name!r}{hint}", "unknown_field")


def _missing_field(found: re.Match[str], path: str, raw: Any, kind: type) -> InvalidRequest:
    whole, struct = _join(path, found[1]), _struct_at(path, raw, kind)
    expected = _names_expected(whole, struct)
    refusal = (
        f"expected {expected}, got nothing" if expected else _refusal_of_nothing(found[1], struct)
    )
    return _invalid(whole, refusal, "missing_field")


class _Nothing:
    """Stands for a value that is not there: no type takes it, and each says what it expects."""

    def __str__(self) -> str:
        return "nothing"


def _refusal_of_nothing(field: str, struct: type) -> str:
    """Say what a required field takes, as its type says it of a wrong value."""
    try:
        msgspec.convert(_Nothing(), get_type_hints(struct)[field], dec_hook=decode_option)
    except msgspec.ValidationError as error:
        wrong = WRONG_TYPE.fullmatch(str(error))
        return f"expected {_json_names(wrong)}, got nothing" if wrong else str(error)
    raise AssertionError(f"{struct.__name__}.{field} takes anything")


def _unknown_value(found: re.Match[str], path: str, raw: Any, kind: type) -> InvalidRequest:
    if path.endswith(".type"):
        hint = _nearest(str(raw), list(TYPES)) or f"; known are {', '.join(sorted(TYPES))}"
        what = f"unknown transformation {shown(raw)}{hint}"
        return _invalid(path, what, "unknown_transformation")
    known = _enum_values(path.rpartition(".")[2], kind)
    what = f"expected one of {', '.join(known)}, got {shown(raw)}{_nearest(str(raw), known)}"
    return _invalid(path, what)


def _wrong_type(found: re.Match[str], path: str, raw: Any, kind: type) -> InvalidRequest:
    expected = _names_expected(path, kind) or _json_names(found)
    return _invalid(path, f"expected {expected}, got {shown(raw)}")


def _json_names(wrong: re.Match[str]) -> str:
    """Name the types that msgspec expected as JSON does, with the length if that was wrong."""
    names = [JSON_NAMES.get(name.strip(), name) for name in wrong[1].split("|")]
    return f"{' or '.join(names)}{wrong[2] or ''}"


def _names_expected(path: str, kind: type) -> str:
    """Say which names a field takes; empty for one that takes anything else."""
    parent, _, field = path.rpartition(".")
    if field == "type" and TRANSFORMATION_PATH.search(parent):
        return "the name of a transformation"
    hint = get_type_hints(kind).get(field)
    alone = all(
        isinstance(part, type) and issubclass(part, Enum | type(None) | msgspec.UnsetType)
        for part in get_args(hint) or (hint,)
    )
    return f"one of {', '.join(_enum_values(field, kind))}" if alone else ""


_EXPLANATIONS = {
    re.compile(r"Object contains unknown field `(.*)`", re.DOTALL): _unknown_field,
    re.compile(r"Object missing required field `(.*)`", re.DOTALL): _missing_field,
    re.compile(r"Invalid (?:enum )?value (.*)", re.DOTALL): _unknown_value,
    WRONG_TYPE: _wrong_type,
}


def _invalid(path: str, message: str, code: str | None = None) -> InvalidRequest:
    return InvalidRequest(f"{path}: {message}" if path else message, path, code)


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(clipped(name).lower(), known, n=1, cutoff=CLOSE)
    return f"; did you mean {close[0]!r}?" if close else ""


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _steps(path: str) -> Iterator[str | int]:
    for name, index in STEP.findall(path):
        yield int(index) if index else name


def _value_at(value: Any, path: str) -> Any:
    for step in _steps(path):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _struct_at(path: str, raw: Any, kind: type) -> type:
    """Find the struct at a path: a transformation, a job, its `store`, a field of `kind`, or it."""
    if TRANSFORMATION_PATH.search(path):
        return TYPES.get(str(raw.get("type")), Job) if isinstance(raw, Mapping) else Job
    if STORE_PATH.search(path):
        return StoreOptions
    if JOB_PATH.search(path):
        return Job
    hint = get_type_hints(kind).get(path.rpartition(".")[2])
    parts = [part for part in get_args(hint) if isinstance(part, type)]
    return next((part for part in parts if issubclass(part, msgspec.Struct)), kind)


def _field_names(kind: type) -> list[str]:
    return [item.encode_name for item in msgspec.structs.fields(kind)]


def _enum_values(field: str, struct: type) -> list[str]:
    hint = get_type_hints(struct).get(field)
    parts = [part for part in (hint, *get_args(hint)) if isinstance(part, type)]
    return [str(member.value) for part in parts if issubclass(part, Enum) for member in part]
