"""`darkroom process` and `darkroom explain`: the engine alone, without a server."""

import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import BinaryIO

import click
import msgspec
from msgspec import Raw

import engine
from engine.explain import Explanation, draw
from engine.explain import explain as explanation_of
from engine.schema import DEFAULT_LIMITS, Key, shown
from service.commands.exits import fail
from service.commands.fonts import takes_fonts
from service.commands.output import pretty_json
from service.errors import SourceNotFound
from service.http import JobError, JobStatus, inputs_of

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

EXPECTED = "JOBS: expected a request or its array of jobs as JSON"
MALFORMED = re.compile(r"JSON is malformed: (.*) \(byte (\d+)\)", re.DOTALL)  # as msgspec says it

FORMATS: dict[str, Callable[[Explanation], str]] = {
    "text": str,
    "json": pretty_json,
    "svg": draw,
}


def takes_batch(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command a batch: the arguments SOURCE and JOBS, and folders of images and fonts."""
    for option in (
        click.option(
            "--root", type=FOLDER, default=".", show_default=True,
            help="Folder of the source and the watermarks.",
        ),
        takes_fonts,
        click.argument("jobs", type=click.File("rb")),
        click.argument("source"),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@takes_batch
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True,
    help="Folder for the results.",
)  # fmt: skip
def process(source: str, jobs: BinaryIO, root: Path, out: Path) -> None:
    """Process JOBS on SOURCE without a server.

    Prints the results as JSON. SOURCE is a path in --root. JOBS is a file with a request or its
    array of jobs, as JSON. Exit status: 0 if all jobs are done, 1 if one failed, 2 if the arguments
    are invalid.
    """
    batch = _read_batch(source, jobs.read())
    try:
        results = _render(batch, root, out)
    except OSError as error:
        fail(f"{error.filename or out}: {error.strerror or error}", 2)
    click.echo(pretty_json(results))
    sys.exit(any(result.status == "FAILED" for result in results))


@click.command()
@takes_batch
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True,
    help="Output format; svg is a diagram.",
)  # fmt: skip
def explain(source: str, jobs: BinaryIO, root: Path, form: str) -> None:
    """Show the plan for JOBS on SOURCE, without executing it.

    SOURCE is a path in --root; only its header is read. JOBS is a file with a request or its array
    of jobs, as JSON.
    """
    batch = _read_batch(source, jobs.read())
    try:
        inputs = _inputs(root, batch)
        explanation = explanation_of(_open(root, batch.source), batch.jobs, inputs=inputs)
    except engine.DarkroomError as error:
        fail(f"{error.code}: {error.message}")
    click.echo(FORMATS[form](explanation).rstrip("\n"))


def _read_batch(source: str, body: bytes) -> engine.Batch:
    request = {"source": source, **_read_jobs(body)}
    try:
        return engine.parse_batch(msgspec.json.encode(request))
    except engine.InvalidRequest as error:
        fail(error.message, 2)


def _read_jobs(body: bytes) -> dict[str, Raw]:
    """Give the field `jobs` of a request, if it has one, or of an array of jobs."""
    decoded = _decode(body)
    if isinstance(decoded, list):
        return {"jobs": Raw(body)}
    if not isinstance(decoded, dict):
        fail(f"{EXPECTED}, got {shown(decoded)}", 2)
    fields = msgspec.json.decode(body, type=dict[str, Raw])
    return {name: raw for name, raw in fields.items() if name == "jobs"}


def _decode(body: bytes) -> object:
    """Read JSON; exit with a message that has the position in the whole file."""
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        fail(f"JOBS: expected JSON nested at most {DEFAULT_LIMITS.max_depth} deep, got deeper", 2)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        fail(f"{EXPECTED}, got {_describe_malformed(body, error)}", 2)


def _describe_malformed(body: bytes, error: msgspec.DecodeError | UnicodeDecodeError) -> str:
    """Say what stands in a file in place of JSON, and where."""
    if not body.strip():
        return "an empty file"
    if malformed := MALFORMED.fullmatch(str(error)):
        return f"{malformed[1]} at {_place(body, int(malformed[2]))}"
    try:
        body.decode()
    except UnicodeDecodeError as wrong:
        return f"bytes that are not UTF-8 at {_place(body, wrong.start)}"
    if isinstance(error, msgspec.ValidationError):
        return str(error)[:1].lower() + str(error)[1:]  # a number that is out of range
    return f"an end too early at {_place(body, len(body))}"


def _place(body: bytes, position: int) -> str:
    before = body[:position].split(b"\n")
    return f"line {len(before)}, column {len(before[-1]) + 1}"


def _render(batch: engine.Batch, root: Path, out: Path) -> list[JobStatus]:
    """Render the jobs in order; a missing watermark fails only the jobs that use it."""
    source = _open(root, batch.source)
    inputs = _inputs(root, batch)
    results = []
    began = perf_counter()
    for index, outcome in engine.render(source, batch.jobs, inputs=inputs):
        took = round((perf_counter() - began) * 1000)
        results.append(_finished(batch.jobs[index], outcome, out, took))
        began = perf_counter()
    return results


def _inputs(root: Path, batch: engine.Batch) -> dict[str, engine.Source | engine.DarkroomError]:
    return {key: _input(root, key) for job in batch.jobs for key in inputs_of(job)}


def _input(root: Path, key: Key) -> engine.Source | engine.DarkroomError:
    if not (root / key).is_file():
        return SourceNotFound(f"{root / key}: no such file")
    return engine.Source.from_path(root / key)


def _finished(
    job: engine.Job, outcome: engine.Output | engine.DarkroomError, out: Path, took: int
) -> JobStatus:
    if isinstance(outcome, engine.DarkroomError):
        return _failed(job, outcome)
    path = out / job.destination
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(outcome.data)
    return JobStatus(
        destination=job.destination.written,
        status="DONE",
        format=outcome.format.value,
        width=outcome.width,
        height=outcome.height,
        bytes=len(outcome.data),
        sha256=hashlib.sha256(outcome.data).hexdigest(),
        milliseconds=took,
    )


def _failed(job: engine.Job, why: engine.DarkroomError) -> JobStatus:
    error = JobError(code=why.code, message=why.message)
    return JobStatus(destination=job.destination.written, status="FAILED", error=error)


def _open(root: Path, key: Key) -> engine.Source:
    path = root / key
    if not path.is_file():
        fail(f"{key}: no such file in {root.resolve()} (--root)", 2)
    return engine.Source.from_path(path)
