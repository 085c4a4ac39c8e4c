"""Partitions plans: separates those that read so little that a decode of their own is cheaper.

What several plans share is decoded whole, at the largest scale that one of them needs, and
materialised. A plan that only needs the top of the source stops there when it is executed
alone, and the others may then decode at a smaller scale. The times are processor time,
measured on 12 megapixels; only their ratios matter. See `docs/decisions/0501`.
"""

from collections.abc import Mapping, Sequence

from engine.ir import Crop, Decode, Node, Plan, ToSrgb

DECODING = {1: 5.2, 2: 3.3, 4: 2.8, 8: 2.3}  # ns for each pixel of the source, by its shrink
MATERIALISING = 1.5  # ns for each pixel that is written to memory and read again
MAX_RELATIVE_TIME = 0.9  # of the time of one merged plan, up to which another decode is worth it
MAX_ROWS = 0.8  # share of the source's rows up to which a plan is considered

Plans = Mapping[int, Plan]


def partition(plans: Plans) -> tuple[list[Plans], Plans]:
    """Partition plans of one source into groups with a decode of their own, and the rest.

    The plans of a group begin with the same part of the source.
    """
    groups = sorted(_by_part(plans), key=_least_rows_first) if len(plans) > 1 else []
    candidates = [
        (groups[:count], _without(plans, groups[:count])) for count in range(len(groups) + 1)
    ]
    return min(candidates, key=_time)


def _by_part(plans: Plans) -> list[Plans]:
    """Group the plans that read a part of the source from its top, by that part."""
    groups: dict[tuple[Node, ...], dict[int, Plan]] = {}
    for index, plan in plans.items():
        if _rows(plan) <= MAX_ROWS:
            at = next(at for at, node in enumerate(plan.nodes) if isinstance(node, Crop))
            groups.setdefault(plan.nodes[: at + 1], {})[index] = plan
    return list(groups.values())


def _without(plans: Plans, groups: Sequence[Plans]) -> Plans:
    removed = {index for group in groups for index in group}
    return {index: plan for index, plan in plans.items() if index not in removed}


def _rows(plan: Plan) -> float:
    """Return how far down a plan reads the source, from 0 to 1; all of what decodes at once."""
    if plan.facts.decoded_at_once:
        return 1
    for node in plan.nodes:
        if isinstance(node, Crop):
            return (node.box.top + node.box.height) / plan.frames[0].height
        if not isinstance(node, Decode | ToSrgb):
            return 1
    return 1


def _least_rows_first(group: Plans) -> tuple[float, str]:
    """Order groups by what they read, whatever the order of their jobs is."""
    plan = next(iter(group.values()))
    return _rows(plan), repr(plan.nodes[:3])


def _time(candidate: tuple[list[Plans], Plans]) -> float:
    """Estimate the time, in ns, to decode for all groups and materialise what is shared."""
    separate, rest = candidate
    times = [_time_alone(next(iter(group.values()))) for group in separate]
    return (sum(times) + _time_merged(rest)) * (1 if separate else MAX_RELATIVE_TIME)


def _time_alone(plan: Plan) -> float:
    return DECODING[shrink_of(plan)] * plan.facts.size.pixels * _rows(plan)


def _time_merged(plans: Plans) -> float:
    first, *others = plans.values() or [None]
    if first is None or not others:
        return _time_alone(first) if first else 0
    scale = min(map(shrink_of, plans.values()))
    return first.facts.size.pixels * (DECODING[scale] + MATERIALISING / scale**2)


def shrink_of(plan: Plan) -> int:
    """Return by how much a plan decodes its source smaller: 1, 2, 4 or 8."""
    decode = plan.nodes[0]
    assert isinstance(decode, Decode)  # noqa: S101 - verified
    return decode.shrink
