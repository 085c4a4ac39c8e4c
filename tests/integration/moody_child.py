"""A rendering child with the real engine and moods: a destination's name tells which.

`kill` kills it, `stall` takes half a second longer, `hang` never ends; `parting` kills it
when all jobs are answered, before it has said that it is done.
"""

import os
import signal
import time

import msgspec

from service.sandbox.adapter import render_order
from service.sandbox.child import main
from service.sandbox.order import Answers, Order
from service.sandbox.work import Summary

STALL_SECONDS = 0.5


def render(order: Order) -> Answers:
    names = [msgspec.json.decode(job)["destination"] for job in order.jobs]
    summary = Summary()
    for index, name in enumerate(names):
        act_out(name)
        answers = render_order(msgspec.structs.replace(order, jobs=(order.jobs[index],)))
        try:
            while True:
                _, answer = next(answers)
                yield index, answer
        except StopIteration as end:
            summary = end.value
    if any("parting" in name for name in names):
        die()
    return summary


def act_out(name: str) -> None:
    if "kill" in name:
        die()
    if "stall" in name:
        time.sleep(STALL_SECONDS)
    if "hang" in name:
        time.sleep(600)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(render)
