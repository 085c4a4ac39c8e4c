"""A child that explains batches and fails on demand: the first destination's name says how.

`kill` kills it, `hang` never ends, `nonsense` sends an invalid answer, `huge` one that is too
long, `greedy` asks for what it was given.
"""

import os
import signal
import time
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from engine.sources import Piece
from service.sandbox.child.child import main
from service.sandbox.child.explainer import explain_order
from service.sandbox.child.order import Answers, EncodedImage, Order
from service.sandbox.protocol import Summary
from service.sandbox.protocol.explanation import Answer, MissingRanges, Question

FAULTS: dict[str, Callable[[], Answer | object]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(600),
    "nonsense": lambda: {"type": "Explained", "explanation": {"facts": "all of them"}},
    "huge": lambda: MissingRanges(None, {"x" * 65 * 1024**2: Piece(0, 10)}),
    "greedy": lambda: MissingRanges(Piece(0, 10), {}),
}


def explain(order: Order) -> Answers:
    asked = msgspec.json.decode(order.jobs[0], type=Question)
    name = msgspec.json.decode(asked.jobs[0])["destination"]
    for index, answer in explain_order(order):
        assert isinstance(answer, EncodedImage)
        fault = next((FAULTS[word] for word in FAULTS if word in name), None)
        yield index, replace(answer, data=msgspec.json.encode(fault())) if fault else answer
    return Summary()


if __name__ == "__main__":
    main(explain)
