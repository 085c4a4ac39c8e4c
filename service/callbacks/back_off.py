"""When a failed callback is tried again: a fixed schedule, jitter, and `Retry-After`."""

import random
import time
from email.utils import parsedate_to_datetime

SCHEDULE = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
MAX_TRIES = len(SCHEDULE) + 1
JITTER = 0.1


def back_off(tries: int, at_least: float = 0) -> float:
    """Return the seconds before the next try, after so many: the schedule, with jitter."""
    planned = SCHEDULE[min(tries, len(SCHEDULE)) - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    return max(planned, min(at_least, SCHEDULE[-1]))


def retry_after(value: str) -> float:
    """Read the seconds or the date of a `Retry-After` header; anything else asks for nothing."""
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except Exception:  # the parser fails in many ways, and a receiver may send anything
        return 0.0
