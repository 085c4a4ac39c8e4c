"""Renders jobs together, and isolates the one that crashes or times out.

The jobs of a request share a child, since they share a decode. When the child dies, the
job it was busy with is suspected: it goes on alone, the others without it, so that one
job's crash is no other job's trouble. Of jobs that were made side by side none is suspected:
after a crash they are made one after the other. A job that overruns its deadline is given up at
once, and the others go on without it: each is begun once more at most. All of them together
have a budget of seconds; what it does not reach is given up unseen. What turns out to be slow where
no more slow work may be, is begun once more when it may; where that does not end, it is a crash.
"""

import math
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from service.errors import DarkroomError, Preempted, Quarantined, RenderCrashed, RenderTimeout
from service.sandbox.parent import Sandbox
from service.sandbox.protocol import Output, Summary, Work

Outcome = Output | DarkroomError
NOBODY = -1  # instead of a job
MOST_PREEMPTED = 3  # times: once is usual, another if a busy child is late to put its work away


class Isolation:
    """The rendering of one request, in `budget` seconds of its children's work."""

    def __init__(
        self,
        sandbox: Sandbox,
        work_for: Callable[[Sequence[int]], Work],
        *,
        max_crashes: int,
        on_summary: Callable[[Summary], None],
        budget: float = math.inf,
        on_waiting: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._sandbox = sandbox
        self._work_for = work_for
        self._max_crashes = max_crashes
        self._on_summary = on_summary
        self._on_waiting = on_waiting
        self._budget = self._seconds_left = budget
        self._seconds = 0.0
        self._slow = False
        self._preempted = 0
        self._crashes: Counter[int] = Counter()
        self._groups: deque[Sequence[int]] = deque()

    async def render(
        self, jobs: Sequence[int]
    ) -> AsyncGenerator[Sequence[tuple[int, Outcome]], None]:
        """Give the jobs' outcomes, those together that are there; whoever takes one closes it."""
        self._groups.append(jobs)
        while self._groups:
            group = self._groups.popleft()
            if self._seconds_left <= 0:
                yield [(job, self._not_begun()) for job in group]
                continue
            work, left = self._work_of(group), list(group)
            try:
                async with aclosing(self._render_group(work, left)) as rendered:
                    async for outcomes in rendered:
                        yield outcomes
            except Preempted as error:
                self._slow = True
                self._preempted += 1
                if self._preempted <= MOST_PREEMPTED:
                    self._groups.appendleft(left)
                elif given_up := self._separate(left, RenderCrashed(f"{error}, again and again")):
                    yield given_up
            except (RenderCrashed, RenderTimeout) as error:
                if given_up := self._regroup(left, error, side_by_side=work.threads > 1):
                    yield given_up
            except DarkroomError as error:
                yield [(job, error) for job in left]

    @property
    def seconds(self) -> float:
        """How long children have worked on it."""
        return self._seconds

    @property
    def crashes(self) -> int:
        """How many children have died of it."""
        return self._crashes.total()

    def _not_begun(self) -> RenderTimeout:
        return RenderTimeout(
            f"the {self._budget:g} s that a process may take to render (process_seconds) "
            "were over before this was begun"
        )

    def _work_of(self, group: Sequence[int]) -> Work:
        """Make the work of a group, within what is left of the budget; after a crash in turn."""
        work = self._work_for(group)
        threads = 1 if self.crashes else work.threads
        return replace(work, budget=self._seconds_left, slow=self._slow, threads=threads)

    async def _render_group(
        self, work: Work, left: list[int]
    ) -> AsyncGenerator[Sequence[tuple[int, Outcome]], None]:
        """Give the outcomes that one child has; `left` keeps the jobs that have none."""
        self._on_waiting(True)
        async with self._sandbox.render(work, self._on_waiting) as rendering:
            try:
                while results := await rendering.take():
                    for result in results:
                        left.remove(result.index)
                    yield [(result.index, result.outcome) for result in results]
            except Preempted:
                self._seconds_left += rendering.seconds  # that others were slow is not its fault
                raise
            finally:
                self._seconds_left -= rendering.seconds
                self._seconds += rendering.seconds
            if rendering.summary is not None:
                self._on_summary(rendering.summary)

    def _regroup(
        self, left: Sequence[int], error: RenderCrashed | RenderTimeout, *, side_by_side: bool
    ) -> list[tuple[int, DarkroomError]]:
        """Queue what a child has left; gives the jobs that are given up."""
        if side_by_side and self._suspects_nobody(left, error):
            self._crashes[NOBODY] += 1
            self._groups.appendleft(left)
            return []
        return self._separate(left, error)

    def _suspects_nobody(self, left: Sequence[int], error: DarkroomError) -> bool:
        """Return whether any of the jobs may be what killed the child, and all are tried again."""
        return (
            isinstance(error, RenderCrashed)
            and len(left) > 1
            and self.crashes + 1 < self._max_crashes
        )

    def _separate(
        self, left: Sequence[int], error: RenderCrashed | RenderTimeout
    ) -> list[tuple[int, DarkroomError]]:
        """Queue what is left in smaller groups; gives the jobs that are given up."""
        if not left:  # it died when all was answered
            return []
        suspect, others = left[0], left[1:]
        if others:
            self._groups.append(others)
        if isinstance(error, RenderTimeout):
            return [(suspect, error)]
        self._crashes[suspect] += 1
        # what has killed so many children gets no three chances for each of its jobs
        if self.crashes >= self._max_crashes:
            words = f"rendering this killed its process {self.crashes} times: {error}"
            return [(suspect, Quarantined(words))]
        self._groups.appendleft([suspect])
        return []
