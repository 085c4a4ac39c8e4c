"""Expands presets: a request that names presets becomes one that does not.

It happens to the JSON, before it is validated, so that there is one validation: of what will be
done. Errors are about the place that the client wrote.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from engine.errors import InvalidRequest, LimitExceeded
from engine.schema import Limits, clipped, parse, shown
from service.presets.definition import PresetName, PresetStep, RawDefinition, read_name

T = TypeVar("T")

# What a preset's field goes with: a job that says the one itself does not take the other.
GOES_WITH = {"min_ssim": "quality"}

MARKS = (b"preset", b"\\u")  # JSON may spell a letter as \u0070
STEP_PATH = re.compile(r"jobs\[(\d+)\]\.(transformations)\[(\d+)\](.*)", re.DOTALL)
FIELD_PATH = re.compile(r"jobs\[(\d+)\]\.(\w+)(.*)", re.DOTALL)
NOT_READABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Kind(Struct):
    """A transformation, as far as it says which one it is."""

    type: str


_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_kind = msgspec.json.Decoder(_Kind)


class _Place(Struct, frozen=True):
    """Where something of the expanded request comes from.

    `path` is the client's; `preset` is the preset that stands there, `inner` the place in it.
    """

    path: str
    preset: str = ""
    inner: str = ""


class _Job(Struct):
    """A job that may name presets: `preset` is its own, `steps` those among its steps."""

    fields: dict[str, Raw]
    preset: PresetName | None
    steps: dict[int, PresetName]


class Expanded(Struct, frozen=True):
    """A request whose presets are in their place; `places` are of steps and fields, by path."""

    body: bytes
    places: Mapping[str, _Place]

    def parse(self, kind: type[T], limits: Limits) -> T:
        """Read it as `kind`; InvalidRequest has the path that the client wrote."""
        try:
            return parse(self.body, kind, limits)
        except InvalidRequest as error:
            raise self._as_written(error) from None

    def _as_written(self, error: InvalidRequest) -> InvalidRequest:
        what = error.message.removeprefix(f"{error.path}: ")
        if found := STEP_PATH.fullmatch(error.path):
            key, rest = f"jobs[{found[1]}].transformations[{found[3]}]", found[4]
        elif found := FIELD_PATH.fullmatch(error.path):
            key, rest = f"jobs[{found[1]}].{found[2]}", found[3]
        else:
            return error
        place = self.places.get(key)
        if place is None:
            return error
        if place.preset:
            what = f"preset {shown(place.preset)}, {place.inner}{rest}: {what}"
            return InvalidRequest(f"{place.path}: {what}", place.path, error.code)
        path = place.path + rest
        return InvalidRequest(f"{path}: {what}", path, error.code)


class Draft:
    """A request that names presets."""

    def __init__(self, whole: dict[str, Raw], jobs: list[_Job | Raw]) -> None:
        self._whole = whole
        self._jobs = jobs

    @property
    def names(self) -> set[str]:
        """The presets that it names."""
        return {name for _, name in self._named()}

    def refuse(self, found: Collection[str], known: Collection[str]) -> InvalidRequest:
        """Make the error of the first preset that is not among the found; `known` are all."""
        path, name = next(named for named in self._named() if named[1] not in found)
        close = difflib.get_close_matches(name, known, n=1)
        if close:
            hint = f"did you mean {close[0]!r}?"
        else:
            names = clipped(", ".join(sorted(known)))
            hint = f"this service has {names}" if names else "this service has none"
        message = f"{path}: unknown preset {shown(name)}; {hint}"
        return InvalidRequest(message, path, code="unknown_preset")

    def expand(
        self, found: Mapping[str, RawDefinition], limits: Limits, max_bytes: int
    ) -> Expanded:
        """Put every preset in its place; InvalidRequest if that makes too much of it."""
        places: dict[str, _Place] = {}
        jobs: list[dict[str, Any] | Raw] = []
        size = 0
        for index, job in enumerate(self._jobs):
            if isinstance(job, Raw):
                jobs.append(job)
                continue
            expansion = _Expansion(f"jobs[{index}]", job, found, limits)
            expansion.expand()
            jobs.append(expansion.fields)
            places |= expansion.places
            size += sum(map(_size, expansion.fields.values()))
            if size > max_bytes:
                raise InvalidRequest(
                    f"expected at most {max_bytes} bytes with all presets in their place, got more",
                    code=LimitExceeded.code,
                )
        return Expanded(msgspec.json.encode({**self._whole, "jobs": jobs}), places)

    def _named(self) -> Iterator[tuple[str, str]]:
        """Give each preset that is named: where, and its name."""
        for index, job in enumerate(self._jobs):
            if not isinstance(job, _Job):
                continue
            if job.preset is not None:
                yield f"jobs[{index}].preset", job.preset
            for step, name in job.steps.items():
                yield f"jobs[{index}].transformations[{step}].name", name


def read_draft(body: bytes) -> Draft | None:
    """Look for presets in a request; None if it names none, or is no request at all.

    Raises InvalidRequest for what names a preset in a wrong way.
    """
    if not any(mark in body for mark in MARKS):
        return None
    try:
        whole = _object.decode(body)
        raw_jobs = _array.decode(whole["jobs"])
    except (KeyError, *NOT_READABLE):
        return None
    jobs = [_read_job(f"jobs[{index}]", raw) for index, raw in enumerate(raw_jobs)]
    draft = Draft(whole, jobs)
    return draft if draft.names else None


def _read_job(path: str, raw: Raw) -> _Job | Raw:
    """Read what a job says of presets; what is no job is left to the validation."""
    try:
        fields = _object.decode(raw)
        steps = _array.decode(fields.get("transformations", b"[]"))
    except NOT_READABLE:
        return raw
    preset = fields.pop("preset", None)
    named = {
        index: _read_step(step, f"{path}.transformations[{index}]").name
        for index, step in enumerate(steps)
        if _is_preset(step)
    }
    if preset is None:
        return _Job(fields, None, named)
    return _Job(fields, read_name(msgspec.json.decode(preset), f"{path}.preset"), named)


def _is_preset(step: Raw) -> bool:
    try:
        return _kind.decode(step).type == "preset"
    except NOT_READABLE:
        return False


def _read_step(raw: Raw, path: str) -> PresetStep:
    """Read a step that names a preset; InvalidRequest has its path."""
    try:
        return parse(bytes(raw), PresetStep)
    except InvalidRequest as error:
        where = f"{path}.{error.path}" if error.path else path
        what = error.message.removeprefix(f"{error.path}: ")
        raise InvalidRequest(f"{where}: {what}", where, error.code) from None


class _Expansion:
    """One job while presets are put in their place: its fields, its steps, where each is from."""

    def __init__(
        self, path: str, job: _Job, found: Mapping[str, RawDefinition], limits: Limits
    ) -> None:
        self._path = path
        self._job = job
        self._found = found
        self._most_steps = limits.max_transformations
        self.fields: dict[str, Any] = dict(job.fields)
        self.places: dict[str, _Place] = {}
        self._steps: list[Raw] = []

    def expand(self) -> None:
        """Fill `fields` and `places`; InvalidRequest for what cannot be put in its place."""
        preset = self._job.preset
        if preset is None and not self._job.steps:
            return
        if preset is not None:
            self._add_fields_of(preset)
        if "transformations" in self._job.fields:
            self._add_own_steps()
        elif preset is not None and self._found[preset].transformations is not None:
            self._add_steps_of(preset, f"{self._path}.preset")
        else:
            return
        self.fields["transformations"] = self._steps

    def _add_fields_of(self, preset: str) -> None:
        """Take the preset's fields, except those for which the job has its own."""
        for name, raw in self._found[preset].fields.items():
            if not {name, GOES_WITH.get(name, name)} & self._job.fields.keys():
                self.fields[name] = raw
                self.places[f"{self._path}.{name}"] = _Place(f"{self._path}.preset", preset, name)

    def _add_own_steps(self) -> None:
        """Take the job's steps, with those of a preset where one names it."""
        for index, raw in enumerate(_array.decode(self._job.fields["transformations"])):
            path = f"{self._path}.transformations[{index}]"
            preset = self._job.steps.get(index)
            if preset is None:
                self._add_step(raw, _Place(path))
            elif self._found[preset].transformations is None:
                what = f"preset {shown(preset)} has no transformations"
                raise InvalidRequest(f"{path}: {what}", path)
            else:
                self._add_steps_of(preset, path)

    def _add_steps_of(self, preset: str, path: str) -> None:
        for index, raw in enumerate(self._found[preset].transformations or ()):
            self._add_step(raw, _Place(path, preset, f"transformations[{index}]"))
        if len(self._steps) > self._most_steps:
            raise InvalidRequest(
                f"{path}: expected at most {self._most_steps} transformations with all presets in "
                "their place, got more",
                path,
                code=LimitExceeded.code,
            )

    def _add_step(self, raw: Raw, place: _Place) -> None:
        self.places[f"{self._path}.transformations[{len(self._steps)}]"] = place
        self._steps.append(raw)


def _size(value: Any) -> int:
    parts = value if isinstance(value, list) else [value]
    return sum(len(bytes(part)) for part in parts)
