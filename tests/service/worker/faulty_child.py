"""A rendering child with the real engine that fails on demand: a destination's name says how.

`stall` takes half a second longer, `linger` a whole one, `kill` kills the child, `hang` never
ends; `parting` kills it when all jobs are answered, before it has reported that it is done.
"""

import os
import signal
import time

import msgspec

from service.sandbox.child.adapter import render_order
from service.sandbox.child.child import main
from service.sandbox.child.order import Answers, Order
from service.sandbox.protocol import Summary

STALL_SECONDS = 0.5


def render(order: Order) -> Answers:
    names = [msgspec.json.decode(job)["destination"] for job in order.jobs]
    summary = Summary()
    for index in order.wanted:
        act_out(names[index])
        answers = render_order(msgspec.structs.replace(order, wanted=(index,)))
        try:
            while True:
                yield next(answers)
        except StopIteration as end:
            summary = end.value
    if any("parting" in names[index] for index in order.wanted):
        die()
    return summary


def act_out(name: str) -> None:
    if "stall" in name:
        time.sleep(STALL_SECONDS)
    if "linger" in name:
        time.sleep(2 * STALL_SECONDS)
    if "kill" in name:
        die()
    if "hang" in name:
        time.sleep(600)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(render)
