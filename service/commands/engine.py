"""`darkroom process` and `darkroom explain`: the engine alone, without a server."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import BinaryIO, NoReturn

import click
import msgspec
from msgspec import Raw, Struct

import engine
from engine.explain import draw
from engine.schema import Key
from service.commands.fonts import takes_fonts
from service.errors import SourceNotFound
from service.http import JobError, JobStatus, inputs_of

READABLE = click.Path(exists=True, file_okay=False, path_type=Path)


FORMS: dict[str, Callable[[engine.Explanation], str]] = {
    "text": str,
    "json": lambda told: msgspec.json.format(msgspec.json.encode(told)).decode(),
    "svg": draw,
}


class _Jobs(Struct):
    """A request's body, as far as the engine alone needs it."""

    jobs: Raw


@click.command()
@click.argument("source")
@click.argument("jobs", type=click.File("rb"))
@takes_fonts
@click.option(
    "--root", type=READABLE, default=".", show_default=True,
    help="Folder of the source and watermarks.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True,
    help="Folder that destinations are written under.",
)  # fmt: skip
def process(source: str, jobs: BinaryIO, root: Path, out: Path) -> None:
    """Do the JOBS (a request's body, or its jobs array, as JSON) on SOURCE, a path in --root.

    Prints a JSON array with one result for each job. Exit status: 0 if all jobs were done,
    1 if one failed, 2 if the arguments make no sense.
    """
    batch = _read_batch(source, jobs.read())
    try:
        results = _do(batch, root, out)
    except OSError as error:
        _refuse(f"{error.filename or out}: {error.strerror or error}")
    click.echo(msgspec.json.format(msgspec.json.encode(results)).decode())
    sys.exit(any(result.status == "FAILED" for result in results))


@click.command()
@click.argument("source")
@click.argument("jobs", type=click.File("rb"))
@takes_fonts
@click.option(
    "--root", type=READABLE, default=".", show_default=True,
    help="Folder of the source and watermarks.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(list(FORMS)), default="text", show_default=True,
    help="As text, as data, or as a drawing.",
)  # fmt: skip
def explain(source: str, jobs: BinaryIO, root: Path, form: str) -> None:
    """Show what the engine would do with JOBS on SOURCE, from the source's header alone.

    SOURCE is a path in --root, JOBS a request's body, or its jobs array, as JSON.
    """
    batch = _read_batch(source, jobs.read())
    try:
        explanation = engine.explain(
            _open(root, batch.source), batch.jobs, inputs=_inputs(root, batch)
        )
    except engine.DarkroomError as error:
        click.echo(f"{error.code}: {error.message}", err=True)
        sys.exit(1)
    click.echo(FORMS[form](explanation).rstrip("\n"))


def _read_batch(source: str, body: bytes) -> engine.Batch:
    try:
        msgspec.json.decode(body)  # whole, so that a mistake is told by its place in the file
        array = body.lstrip()[:1] == b"["
        jobs = Raw(body) if array else msgspec.json.decode(body, type=_Jobs).jobs
        spelt = {"source": source, "jobs": jobs}
        batch = engine.parse_batch(msgspec.json.encode(spelt))
    except engine.InvalidRequest as error:
        _refuse(error.message)
    except RecursionError:
        _refuse("JOBS: expected a request's body or its jobs array as JSON: nested too deep")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _refuse(f"JOBS: expected a request's body or its jobs array as JSON: {error}")
    return batch


def _do(batch: engine.Batch, root: Path, out: Path) -> list[JobStatus]:
    """Do the jobs in their order; a missing watermark fails its own jobs alone."""
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
        _refuse(f"{key}: no such file in {root.resolve()}, which is --root")
    return engine.Source.from_path(path)


def _refuse(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(2)
