"""Which of several media types a client would like best."""

from collections.abc import Sequence


def preferred(accept: str, offered: Sequence[str]) -> str:
    """Choose by an Accept header; without one, or when nothing fits, the first of the offered.

    RFC 9110, 12.5.1: the most exact range that fits tells a type's weight; of equal weights
    the type that is offered first is taken.
    """
    ranges = [_weighed(part) for part in accept.split(",") if part.strip()]
    return max(offered, key=lambda kind: _weight(kind, ranges)) if ranges else offered[0]


def _weighed(part: str) -> tuple[str, float]:
    kind, *parameters = (word.strip().lower() for word in part.split(";"))
    weights = [word.removeprefix("q=") for word in parameters if word.startswith("q=")]
    try:
        return kind, float(weights[0]) if weights else 1.0
    except ValueError:
        return kind, 0.0


def _weight(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    told = dict(ranges)
    whole = kind.partition("/")[0] + "/*"
    return next((told[each] for each in (kind, whole, "*/*") if each in told), 0.0)
