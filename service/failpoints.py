"""Places where a process kills itself when it is told to, as a power cut would.

They stand at every point where dying could lose or repeat something; the tests of
`tests/service/worker/test_crash_points.py` die at each of them and look at what is left.
Nothing happens unless `DARKROOM_FAILPOINT` names one.
"""

import os
import signal
from typing import Literal, get_args

Failpoint = Literal[
    "intake.before_commit",
    "intake.after_commit",
    "dispatch.after",
    "worker.before_claim",
    "worker.after_claim",
    "worker.after_fetch",
    "worker.before_put",
    "worker.after_put",
    "worker.between_jobs",
    "worker.before_settle",
    "worker.after_settle",
    "callback.after_send",
]

ALL: tuple[Failpoint, ...] = get_args(Failpoint)


class _Armed:
    """The one place where this process is to die, if any."""

    point: str = ""


def arm(point: str) -> None:
    """Make this process die where it reaches `point`; an empty name makes it live."""
    _Armed.point = point


def reach(point: Failpoint) -> None:
    """Die here with SIGKILL, if this is the place."""
    if _Armed.point == point:
        os.kill(os.getpid(), signal.SIGKILL)
