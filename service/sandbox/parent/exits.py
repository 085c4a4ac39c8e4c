"""How a child has ended, and why, as far as can be seen from outside."""

import signal

from service.sandbox.protocol import ChildExit, Reason

ALLOCATION_FAILED = ("failed to allocate", "MemoryError", "bad_alloc", "out of memory")


class StartFailed(Exception):
    """A child could not be started, or ended before it was ready."""

    def __init__(self, end: ChildExit) -> None:
        super().__init__(f"it {': '.join([end.message, *end.stderr.splitlines()[-1:]])}")
        self.exit = end


def cause_of_exit(status: int, last_words: str, *, oom_killed: bool) -> tuple[Reason, str]:
    """Read an exit status, or the negative number of a signal.

    A SIGKILL may come from anybody: it is the kernel's, for want of memory, if the kernel has
    counted one since the child began its work.
    """
    how = f"exited with status {status}" if status >= 0 else f"died of {_signal_name(-status)}"
    if status == -signal.SIGXCPU:
        return Reason.TIMEOUT, "used up its CPU time"
    starved = any(words in last_words for words in ALLOCATION_FAILED)
    if starved or (status == -signal.SIGKILL and oom_killed):
        return Reason.OUT_OF_MEMORY, f"ran out of memory and {how}"
    return Reason.CRASHED, how


def start_failed(message: str, stderr: str = "") -> StartFailed:
    """Make the error of a child that has never been ready."""
    return StartFailed(ChildExit(reason=Reason.START_FAILED, message=message, stderr=stderr))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of the real-time signals
        return f"signal {number}"
