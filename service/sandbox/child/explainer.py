"""A child that explains batches: it reads headers and plans, and decodes no image.

It is asked and answers as a rendering child does: each work has one job, which is a
`Question`, and the output is an `Answer`, both in JSON. Of the files only pieces are at hand;
when a header goes on elsewhere, the answer is what more to fetch.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from engine.errors import DarkroomError
from engine.execute import facts_of_input
from engine.expand import Resolved
from engine.explain import Refusal, explain_facts
from engine.schema import Job, parse
from engine.sources import Facts, MissingBytes, PartialSource, Piece
from engine.vips import read_facts
from service.sandbox.child.child import main
from service.sandbox.child.order import Answers, EncodedImage, Order
from service.sandbox.protocol import (
    Answer,
    Explained,
    KnownRanges,
    MissingRanges,
    Question,
    Summary,
)

T = TypeVar("T")

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
        EncodedImage(
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
    facts = _unless_missing(lambda: read_facts(_partial(asked.source, order.source), order.limits))
    inputs: dict[str, Facts | DarkroomError | Piece] = {
        key: _unless_missing(
            partial(facts_of_input, key, _partial(there, order.inputs[key]), order.limits)
        )
        for key, there in asked.inputs.items()
    }
    wanted = {key: found for key, found in inputs.items() if isinstance(found, Piece)}
    if isinstance(facts, Piece) or wanted:
        return MissingRanges(facts if isinstance(facts, Piece) else None, wanted)
    known = {key: found for key, found in inputs.items() if not isinstance(found, Piece)}
    known |= {key: Refused(refusal) for key, refusal in asked.refused.items()}
    jobs = [parse(bytes(words), Job) for words in asked.jobs]
    return Explained(explain_facts(facts, jobs, Resolved(known), order.limits))


def _partial(known: KnownRanges, fd: int) -> PartialSource:
    return PartialSource(fd, known.size, known.pieces)


def _unless_missing(read: Callable[[], T]) -> T | Piece:
    """Return what is read, or what is missing for it."""
    try:
        return read()
    except MissingBytes as missing:
        return missing.piece


if __name__ == "__main__":
    main(explain_order)
