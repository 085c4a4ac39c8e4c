"""Content negotiation by the Accept header."""

from collections.abc import Sequence


def preferred(accept: str, offered: Sequence[str]) -> str:
    """Choose a media type by an Accept header; the first of the offered if none is acceptable.

    RFC 9110, 12.5.1: the most specific matching range gives the weight of a type; of equal
    weights, the type that is offered first is chosen.
    """
    ranges = [_parse_range(part) for part in accept.split(",") if part.strip()]
    return max(offered, key=lambda kind: _weight(kind, ranges)) if ranges else offered[0]


def _parse_range(part: str) -> tuple[str, float]:
    kind, *parameters = (each.strip().lower() for each in part.split(";"))
    weights = [each.removeprefix("q=") for each in parameters if each.startswith("q=")]
    try:
        return kind, float(weights[0]) if weights else 1.0
    except ValueError:
        return kind, 0.0


def _weight(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    weights = dict(ranges)
    subtypes = kind.partition("/")[0] + "/*"
    return next((weights[each] for each in (kind, subtypes, "*/*") if each in weights), 0.0)
