"""When a callback that failed is tried again: a fixed schedule, jitter, and `Retry-After`."""

import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

SCHEDULE = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
JITTER = 0.1


def back_off(tries: int, at_least: float = 0) -> float:
    """Give the seconds before the next try, after so many: the schedule, with jitter."""
    planned = SCHEDULE[min(tries, len(SCHEDULE)) - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    return max(planned, min(at_least, SCHEDULE[-1]))


def retry_after(headers: Mapping[str, str]) -> float:
    """Read seconds or a date; anything else asks for nothing."""
    came = headers.get("Retry-After", "")
    if came.isdecimal():
        return float(came[:9])
    try:
        return max(0.0, parsedate_to_datetime(came).timestamp() - time.time())
    except ValueError:
        return 0
