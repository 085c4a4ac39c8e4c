"""Failpoints: places where an API or worker kills itself on demand, as a power cut would.

There is one at every point where a crash could lose or repeat something; the tests of
`tests/service/worker/test_crash_points.py` crash at each and check what is left. Nothing
happens unless `DARKROOM_FAILPOINT` names one.
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
    "worker.after_identity",
    "worker.before_put",
    "worker.after_put",
    "worker.between_jobs",
    "worker.before_overwrite",
    "worker.after_overwrite",
    "worker.before_settle",
    "worker.after_settle",
    "callback.after_send",
]

ALL: tuple[Failpoint, ...] = get_args(Failpoint)


class _Armed:
    """The one failpoint that is armed, if any."""

    point: str = ""


def arm(point: str) -> None:
    """Arm a failpoint; an empty name disarms."""
    _Armed.point = point


def reach(point: Failpoint) -> None:
    """End this process with SIGKILL if this failpoint is armed."""
    if _Armed.point == point:
        os.kill(os.getpid(), signal.SIGKILL)
