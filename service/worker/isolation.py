"""Renders jobs together, and apart what a crash or a timeout has left behind.

The jobs of a request share a child, since they share a decode. When the child dies, the
job it was busy with is suspected: it goes on alone, the others without it, so that one
job's crash is no other job's trouble.
"""

from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Sequence

from service.errors import DarkroomError, Quarantined, RenderCrashed, RenderTimeout
from service.sandbox.parent import Sandbox
from service.sandbox.protocol import Output, Summary, Work

Outcome = Output | DarkroomError


class Isolation:
    """The rendering of one request; `spent` gathers what it cost."""

    def __init__(
        self,
        sandbox: Sandbox,
        work_for: Callable[[Sequence[int]], Work],
        *,
        max_crashes: int,
        on_summary: Callable[[Summary], None],
    ) -> None:
        self._sandbox = sandbox
        self._work_for = work_for
        self._max_crashes = max_crashes
        self._on_summary = on_summary
        self._crashes: Counter[int] = Counter()
        self._groups: deque[Sequence[int]] = deque()

    async def render(self, jobs: Sequence[int]) -> AsyncGenerator[tuple[int, Outcome], None]:
        """Give each job's outcome as soon as it is there; whoever takes it closes its file."""
        self._groups.append(jobs)
        while self._groups:
            group = self._groups.popleft()
            left = list(group)
            try:
                async with self._sandbox.render(self._work_for(group)) as rendering:
                    async for result in rendering:
                        left.remove(result.index)
                        yield result.index, result.outcome
                    if rendering.summary is not None:
                        self._on_summary(rendering.summary)
            except (RenderCrashed, RenderTimeout) as error:
                for job, given_up in self._separate(left, len(group), error):
                    yield job, given_up
            except DarkroomError as error:
                for job in left:
                    yield job, error

    def _separate(
        self, left: Sequence[int], together: int, error: RenderCrashed | RenderTimeout
    ) -> list[tuple[int, DarkroomError]]:
        """Queue what is left in smaller groups; gives the jobs that are given up."""
        if not left:  # it died when all was answered
            return []
        suspect, others = left[0], left[1:]
        if others:
            self._groups.append(others)
        if isinstance(error, RenderTimeout) and together == 1:
            return [(suspect, error)]
        if isinstance(error, RenderCrashed):
            self._crashes[suspect] += 1
        # what has killed so many children gets no three chances for each of its jobs
        if self._crashes[suspect] and self._crashes.total() >= self._max_crashes:
            words = f"rendering this killed its process {self._crashes.total()} times: {error}"
            return [(suspect, Quarantined(words))]
        self._groups.appendleft([suspect])
        return []
