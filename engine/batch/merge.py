"""Many plans of one source become few trees: what begins alike is done once.

A tree's branches are runs of nodes. Where a branch has several readers its picture is held
in memory; a plan that shares nothing stays a branch of its own and streams. Before that,
plans are brought together: one decode at the largest scale that serves all, and what is
scaled down further starts from a picture that another job has scaled down already.
"""

from collections.abc import Collection, Container, Iterator, Mapping

from msgspec import Struct

from engine.batch.partition import Plans, set_apart
from engine.batch.resize_chain import ladder
from engine.geometry import Size
from engine.ir import Decode, Frame, Node, Plan, Resample, Save, source_frame
from engine.passes.algebra import WORTH, decoded_at, first_scaling


class Branch(Struct, frozen=True):
    """A run of nodes, and who reads what comes out: jobs that save it, further branches.

    `given` is the frame before the first node, `frame` the one after the last.
    """

    nodes: tuple[Node, ...]
    given: Frame
    frame: Frame
    saves: Mapping[int, Save]
    branches: "tuple[Branch, ...]"

    @property
    def held(self) -> bool:
        """Whether several read it, so that it is kept in memory."""
        return len(self.saves) + len(self.branches) > 1

    @property
    def jobs(self) -> frozenset[int]:
        """All who are served by it, directly or not."""
        return frozenset(self.saves).union(*(branch.jobs for branch in self.branches))

    def path(self, job: int) -> "Iterator[Branch]":
        """Follow the branches that lead to a job, this one first."""
        yield self
        for each in self.branches:
            if job in each.jobs:
                yield from each.path(job)

    def left_of_path(self, job: int, held: Container[int]) -> "list[Branch]":
        """Give the branches that lead to a job, from the last whose picture is `held` on."""
        path = list(self.path(job))
        at = max((at for at, branch in enumerate(path) if id(branch) in held), default=0)
        return path[at:]

    def is_awaited(self, done: Collection[int], held: Container[int]) -> bool:
        """Whether somebody is still to read it: a job, or a branch that is not `held` itself.

        `done` are jobs, `held` the ids of the branches whose pictures are in memory.
        """
        return any(job not in done for job in self.saves) or any(
            id(each) not in held and each.is_awaited(done, held) for each in self.branches
        )

    @property
    def held_bytes(self) -> int:
        """The pixels that are kept for it and its branches, if all are kept at once."""
        own = self.frame.bytes if self.held else 0
        return own + sum(branch.held_bytes for branch in self.branches)


def share(plans: Plans, most_held: int, to_the_letter: Collection[int] = ()) -> tuple[Branch, ...]:
    """Grow the trees for plans of one source, by their jobs' indexes.

    Those that read so little that a decode of their own is cheaper have a tree of their own.
    `most_held` bytes of pixels are held at most. Where a tree would hold more, the plan that
    needs the source largest is done alone, too. The jobs that are done `to_the_letter` share
    only what is equal anyway. The order of the jobs makes no difference to what they share.
    """
    apart, rest = set_apart(plans)
    groups = [group for group in (*apart, rest) if group]
    each = most_held // max(1, sum(len(group) > 1 for group in groups))
    return tuple(tree for group in groups for tree in _that_fit(group, each, to_the_letter))


def _that_fit(plans: Plans, most_held: int, to_the_letter: Collection[int]) -> tuple[Branch, ...]:
    """Grow trees that hold no more than so many bytes each."""
    tree = _grown(_brought_together(plans, to_the_letter))
    if len(plans) == 1 or tree.held_bytes <= most_held:
        return (tree,)
    largest = _largest(plans)
    rest = {index: plan for index, plan in plans.items() if index not in largest}
    alone = (_grown({index: plans[index]}) for index in largest)
    return (*alone, *(_that_fit(rest, most_held, to_the_letter) if rest else ()))


def _largest(plans: Plans) -> set[int]:
    """Find the plan that needs the source largest, with those that make the same picture."""

    def need(plan: Plan) -> tuple[int, int, Size]:
        return -_shrink(plan), max(frame.bytes for frame in plan.frames), plan.frame.size

    most = max(map(need, plans.values()))
    nodes = {plan.nodes for plan in plans.values() if need(plan) == most}
    chosen = min(nodes, key=repr) if len(nodes) > 1 else next(iter(nodes))
    return {index for index, plan in plans.items() if plan.nodes == chosen}


def _shrink(plan: Plan) -> int:
    decode = plan.nodes[0]
    assert isinstance(decode, Decode)  # noqa: S101 - verified
    return decode.shrink


def _brought_together(plans: Plans, to_the_letter: Collection[int]) -> Plans:
    """Decode all at the largest scale that one needs; scale down from what others scale to."""
    if len(plans) == 1:
        return plans
    scale = min(map(_shrink, plans.values()))
    together = {index: decoded_at(plan, scale) for index, plan in plans.items()}
    groups: dict[tuple[Node, ...], dict[int, Plan]] = {}
    for index, plan in together.items():
        at = first_scaling(plan)
        if at is not None and index not in to_the_letter and plan.facts.size.pixels >= WORTH:
            groups.setdefault(plan.nodes[:at], {})[index] = plan
    for before, members in groups.items():
        together |= _in_steps(members, len(before))
    return together


def _in_steps(plans: Plans, at: int) -> dict[int, Plan]:
    """Let plans that agree up to their first scaling, node `at`, scale in steps they share."""
    goals = {index: plan.frames[at].size for index, plan in plans.items()}
    top = next(iter(plans.values())).frames[at - 1].size
    ways = ladder(top, goals.values())
    stepped = {}
    for index, plan in plans.items():
        steps = (Resample(*size) for size in ways[goals[index]])
        stepped[index] = plan.with_nodes((*plan.nodes[:at], *steps, *plan.nodes[at:]))
    return stepped


def _grown(plans: Plans, start: int = 0) -> Branch:
    """Grow the branch of plans that agree on their first `start` nodes and the next one."""
    first = next(iter(plans.values()))
    end = min(len(plan.nodes) for plan in plans.values())
    end = next(
        (at for at in range(start, end) if len({plan.nodes[at] for plan in plans.values()}) > 1),
        end,
    )
    further: dict[Node, dict[int, Plan]] = {}
    for index, plan in plans.items():
        if len(plan.nodes) > end:
            further.setdefault(plan.nodes[end], {})[index] = plan
    frames = (source_frame(first.facts), *first.frames)
    return Branch(
        first.nodes[start:end],
        frames[start],
        frames[end],
        {index: plan.save for index, plan in plans.items() if len(plan.nodes) == end},
        tuple(_grown(some, end) for some in further.values()),
    )
