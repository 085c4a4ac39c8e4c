"""What the tests of the sandbox share: faulty children, works for them, their answers."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from service.sandbox.parent import Sandbox
from service.sandbox.parent.rendering import Rendering
from service.sandbox.protocol import ChildExit, Output, Result, Work

FAULTY = (sys.executable, "-I", str(Path(__file__).with_name("faulty_child.py")))

SOURCE = Path(__file__)

Act = dict[str, Any]


class Playground(Sandbox):
    """A sandbox of faulty children that remembers how each of them ended."""

    def __init__(self, slots: int = 1, **options: Any) -> None:
        self.exits: list[ChildExit] = []
        super().__init__(slots, **{"command": FAULTY, "on_exit": self.exits.append, **options})

    @asynccontextmanager
    async def playing(
        self,
        *acts: Act,
        deadline: float = 30.0,
        owner: str = "",
        on_waiting: Callable[[bool], None] = lambda _: None,
    ) -> AsyncIterator[Rendering]:
        """Give one work whose jobs are these acts, with this file as its source."""
        jobs = tuple(map(msgspec.json.encode, acts))
        with SOURCE.open("rb") as source:  # noqa: ASYNC230 - it is tiny
            work = Work(source=source, jobs=jobs, deadline=deadline, owner=owner)
            async with self.render(work, on_waiting) as rendering:
                yield rendering

    async def ask(self, *acts: Act, deadline: float = 30.0, owner: str = "") -> list[Any]:
        """Return what the child told for each act, or the error that it met."""
        async with self.playing(*acts, deadline=deadline, owner=owner) as rendering:
            return [told(result) async for result in rendering]

    async def ask_one(self, do: str, **words: Any) -> Any:
        """Return what the child told for one act."""
        [answer] = await self.ask({"do": do, **words})
        return answer

    async def next_exit(self) -> ChildExit:
        """Wait for the end of a child that was not asked for before."""
        await until(lambda: bool(self.exits))
        return self.exits.pop(0)


def told(result: Result) -> Any:
    """Read and close an output; an error is given as it is."""
    if not isinstance(result.outcome, Output):
        return result.outcome
    with result.outcome.file as file:
        return msgspec.json.decode(file.read())


async def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is true; TimeoutError if it never is."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


def lives(pid: int) -> bool:
    """Whether a process runs, rather than being gone or a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
