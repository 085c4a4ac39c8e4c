"""Merges the plans of one source, so that a prefix that several plans share is executed once.

A merged plan is a tree. Its nodes are the prefix that all its jobs share; its children are
merged plans of what remains. The output of a shared prefix is materialised: kept in memory
for all its readers. A plan that shares nothing is a merged plan by itself, and streams.

Before merging, plans are aligned: all decode at the largest scale that one of them needs, and
what is scaled down further starts from an image that another job has scaled down already.
"""

from collections.abc import Collection, Container, Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from engine.batch.partition import Plans, partition, shrink_of
from engine.batch.resize_chain import resize_chains
from engine.geometry import Size
from engine.ir import Frame, Node, Plan, Resample, Save, ToSrgb, source_frame
from engine.passes.algebra import decoded_at, first_scaling

MIN_CHAINED_PIXELS = 100_000  # of a source, below which chained resizes gain next to nothing


class MergedPlan(Struct, frozen=True, dict=True):
    """A run of nodes, and the readers of its output: jobs that save it, and children.

    `given` is the frame before the first node, `frame` the one after the last. It is `exact` if
    one of its jobs is; its output is sRGB once it is `converted`.
    """

    nodes: tuple[Node, ...]
    given: Frame
    frame: Frame
    saves: Mapping[int, Save]
    children: "tuple[MergedPlan, ...]"
    exact: bool = False
    converted: bool = True

    @property
    def materialised(self) -> bool:
        """Whether its output has several readers, and is therefore kept in memory."""
        return len(self.saves) + len(self.children) > 1

    @cached_property
    def jobs(self) -> frozenset[int]:
        """All jobs that depend on it, directly or not."""
        return frozenset(self.saves).union(*(child.jobs for child in self.children))

    def path(self, job: int) -> "Iterator[MergedPlan]":
        """Follow the tree from here down to a job."""
        yield self
        for child in self.children:
            if job in child.jobs:
                yield from child.path(job)

    def remaining_path(self, job: int, cached: Container[int]) -> "list[MergedPlan]":
        """Return the path to a job, from the last part whose output is `cached` on."""
        path = list(self.path(job))
        at = max((at for at, part in enumerate(path) if id(part) in cached), default=0)
        return path[at:]

    def is_needed(self, done: Collection[int], cached: Container[int]) -> bool:
        """Whether its output will be read again: by a job, or by a child not `cached` itself.

        `done` are jobs, `cached` the ids of the parts whose output is in memory.
        """
        return any(job not in done for job in self.saves) or any(
            id(child) not in cached and child.is_needed(done, cached) for child in self.children
        )

    @property
    def held_bytes(self) -> int:
        """The bytes that its output takes at most where it is held; libvips spreads nothing."""
        return self.frame.bytes if self.exact else self.frame.held_bytes

    @property
    def materialised_bytes(self) -> int:
        """The bytes that are kept for it and its children, if all are kept at once."""
        own = self.held_bytes if self.materialised else 0
        return own + sum(child.materialised_bytes for child in self.children)


def merge_plans(plans: Plans, budget: int) -> tuple[MergedPlan, ...]:
    """Merge plans of one source, given by the indexes of their jobs.

    Plans that read so little of the source that a decode of their own is cheaper are merged
    separately. At most `budget` bytes are materialised: where a merged plan would need more,
    the plan that needs the source largest is executed alone. Exact jobs share only what
    is equal anyway. What is shared does not depend on the order of the jobs.
    """
    separate, rest = partition(plans)
    groups = [group for group in (*separate, rest) if group]
    each = budget // max(1, sum(len(group) > 1 for group in groups))
    return tuple(merged for group in groups for merged in _merged_within(each, group))


def _merged_within(budget: int, plans: Plans) -> tuple[MergedPlan, ...]:
    """Merge plans so that each merged plan materialises no more than `budget` bytes."""
    merged = _merged(_aligned(plans))
    if len(plans) == 1 or merged.materialised_bytes <= budget:
        return (merged,)
    largest = _largest(plans)
    rest = {index: plan for index, plan in plans.items() if index not in largest}
    alone = (_merged({index: plans[index]}) for index in largest)
    return (*alone, *(_merged_within(budget, rest) if rest else ()))


def _largest(plans: Plans) -> set[int]:
    """Find the plan that needs the source largest, with those that make the same image."""

    def need(plan: Plan) -> tuple[int, int, Size]:
        return -shrink_of(plan), max(frame.bytes for frame in plan.frames), plan.frame.size

    most = max(map(need, plans.values()))
    nodes = {plan.nodes for plan in plans.values() if need(plan) == most}
    chosen = min(nodes, key=repr) if len(nodes) > 1 else next(iter(nodes))
    return {index for index, plan in plans.items() if plan.nodes == chosen}


def _aligned(plans: Plans) -> Plans:
    """Decode all plans at the largest scale that one needs, and chain their resizes."""
    if len(plans) == 1:
        return plans
    scale = min(map(shrink_of, plans.values()))
    aligned = {index: decoded_at(plan, scale) for index, plan in plans.items()}
    groups: dict[tuple[Node, ...], dict[int, Plan]] = {}
    for index, plan in aligned.items():
        at = first_scaling(plan)
        large = plan.facts.size.pixels >= MIN_CHAINED_PIXELS
        if at is not None and not plan.exact and large:
            groups.setdefault(plan.nodes[:at], {})[index] = plan
    for prefix, members in groups.items():
        aligned |= _with_chained_resizes(members, len(prefix))
    return aligned


def _with_chained_resizes(plans: Plans, at: int) -> dict[int, Plan]:
    """Let plans that agree up to their first scaling, node `at`, scale through shared sizes."""
    targets = {index: plan.frames[at].size for index, plan in plans.items()}
    start = next(iter(plans.values())).frames[at - 1].size
    chains = resize_chains(start, targets.values())
    chained = {}
    for index, plan in plans.items():
        before = (Resample(*size) for size in chains[targets[index]])
        chained[index] = plan.with_nodes((*plan.nodes[:at], *before, *plan.nodes[at:]))
    return chained


def _merged(plans: Plans, start: int = 0) -> MergedPlan:
    """Merge plans that agree on their first `start` nodes and on the next one."""
    first = next(iter(plans.values()))
    end = min(len(plan.nodes) for plan in plans.values())
    end = next(
        (at for at in range(start, end) if len({plan.nodes[at] for plan in plans.values()}) > 1),
        end,
    )
    by_next_node: dict[Node, dict[int, Plan]] = {}
    for index, plan in plans.items():
        if len(plan.nodes) > end:
            by_next_node.setdefault(plan.nodes[end], {})[index] = plan
    frames = (source_frame(first.facts), *first.frames)
    return MergedPlan(
        nodes=first.nodes[start:end],
        given=frames[start],
        frame=frames[end],
        saves={index: plan.save for index, plan in plans.items() if len(plan.nodes) == end},
        children=tuple(_merged(group, end) for group in by_next_node.values()),
        exact=any(plan.exact for plan in plans.values()),
        converted=any(isinstance(node, ToSrgb) for node in first.nodes[:end]),
    )
