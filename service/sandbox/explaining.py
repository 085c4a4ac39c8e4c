"""A child that explains batches: it reads headers and plans, and makes no picture.

It is asked and answers as a rendering child does: each work has one job, which is a
`Question`, and the output is an `Answer`, both in JSON. Of the files only pieces are at hand;
when a header goes on elsewhere, the answer is what more to fetch.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from engine.draft import Known
from engine.errors import DarkroomError
from engine.explain import Explanation, Refusal, explain_facts
from engine.facts import Facts
from engine.header import read_facts
from engine.parse import parse
from engine.pieces import MissingBytes, PartialSource, Piece
from engine.render import facts_of_input
from engine.transforms import Job
from service.sandbox.child import main
from service.sandbox.order import Answers, Order, Picture
from service.sandbox.work import Summary

COMMAND = (sys.executable, "-I", "-m", "service.sandbox.explaining")

T = TypeVar("T")


class Gathered(Struct, frozen=True):
    """What is at hand of a file of `size` bytes."""

    size: int
    pieces: tuple[Piece, ...]


class Question(Struct, frozen=True):
    """A batch; `refused` are the files beside the source that cannot be had."""

    jobs: tuple[Raw, ...]
    source: Gathered
    inputs: Mapping[str, Gathered]
    refused: Mapping[str, Refusal]


class Told(Struct, frozen=True, tag=True):
    """The explanation."""

    explanation: Explanation


class Wanting(Struct, frozen=True, tag=True):
    """What more is needed: of the source, of the other files by their keys."""

    source: Piece | None
    inputs: Mapping[str, Piece]


Answer = Told | Wanting

_question = msgspec.json.Decoder(Question)


class Refused(DarkroomError):
    """An error that was met elsewhere, of which only the public words are known."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.code = refusal.code  # type: ignore[misc]  # narrower than the class's


def explain_order(order: Order) -> Answers:
    """Answer the one question of an order."""
    (words,) = order.jobs
    answer = _answer(_question.decode(words), order)
    yield (
        0,
        Picture(
            data=msgspec.json.encode(answer),
            format="json",
            width=0,
            height=0,
            frames=0,
            content_type="application/json",
        ),
    )
    return Summary()


def _answer(asked: Question, order: Order) -> Answer:
    facts = _unless_missing(lambda: read_facts(_of(asked.source, order.source), order.limits))
    inputs: dict[str, Facts | DarkroomError | Piece] = {
        key: _unless_missing(
            partial(facts_of_input, key, _of(there, order.inputs[key]), order.limits)
        )
        for key, there in asked.inputs.items()
    }
    wanted = {key: found for key, found in inputs.items() if isinstance(found, Piece)}
    if isinstance(facts, Piece) or wanted:
        return Wanting(facts if isinstance(facts, Piece) else None, wanted)
    known = {key: found for key, found in inputs.items() if not isinstance(found, Piece)}
    known |= {key: Refused(refusal) for key, refusal in asked.refused.items()}
    jobs = [parse(bytes(words), Job) for words in asked.jobs]
    return Told(explain_facts(facts, jobs, Known(known), order.limits))


def _of(there: Gathered, fd: int) -> PartialSource:
    return PartialSource(fd, there.size, there.pieces)


def _unless_missing(read: Callable[[], T]) -> T | Piece:
    """Give what is read, or what is missing for it."""
    try:
        return read()
    except MissingBytes as missing:
        return missing.piece


if __name__ == "__main__":
    main(explain_order)
