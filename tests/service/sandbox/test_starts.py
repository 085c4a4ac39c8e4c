"""Children that cannot start, and those that start again when they can."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
import uvloop

from service.errors import RenderUnavailable
from service.sandbox.protocol import Reason, SandboxLimits
from tests.service.sandbox.sandboxes import FAULTY, Playground, told, until


async def test_a_sandbox_whose_children_cannot_start_says_why(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("raise ImportError('expected libvips 8.18.5 or newer, found 8.1')")
    sandbox = Playground(2, command=(sys.executable, "-I", str(script)))
    with pytest.raises(RenderUnavailable, match="ImportError: expected libvips"):
        async with sandbox:
            pass
    assert [end.reason for end in sandbox.exits] == [Reason.START_FAILED] * 2


async def test_a_command_that_fails_at_once_is_reported_at_once() -> None:
    async with asyncio.timeout(10):  # rather than after start_seconds
        with pytest.raises(RenderUnavailable, match="it exited with status 7"):
            async with Playground(command=(sys.executable, "-c", "raise SystemExit(7)")):
                pass


def test_the_same_on_the_loop_of_the_worker() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_a_command_that_fails_at_once_is_reported_at_once())


async def test_a_command_that_does_not_exist_is_named() -> None:
    with pytest.raises(RenderUnavailable, match="/no/python: No such file"):
        async with Playground(command=("/no/python",)):
            pass


async def test_a_child_that_never_gets_ready_is_given_up() -> None:
    limits = SandboxLimits(start_most_seconds=0.3)
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    with pytest.raises(RenderUnavailable, match="it was not ready after"):
        async with Playground(command=command, limits=limits):
            pass


async def test_failing_starts_back_off_are_reported_and_pass(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    script = tmp_path / "child.py"
    script.write_text(
        f"import os, runpy\nif os.path.exists({str(broken)!r}): raise SystemExit('no disk')\n"
        f"runpy.run_path({FAULTY[-1]!r}, run_name='__main__')"
    )
    limits = SandboxLimits(backoff_seconds=0.2)
    async with Playground(command=(sys.executable, "-I", str(script)), limits=limits) as sandbox:
        broken.touch()
        async with sandbox.playing({"do": "tell"}, {"do": "sleep", "seconds": 60}) as working:
            told(await anext(working))
            second = asyncio.create_task(sandbox.ask({"do": "tell"}))
            await asyncio.sleep(0)
            os.kill(sandbox._server.pid or 0, signal.SIGKILL)
            with pytest.raises(RenderUnavailable, match="lost with its fork server"):
                await anext(working)
        with pytest.raises(RenderUnavailable, match="no disk"):
            await second
        starts = len(sandbox.exits)
        with pytest.raises(RenderUnavailable, match="no disk"):
            await sandbox.ask({"do": "tell"})
        assert len(sandbox.exits) == starts  # told at once, rather than after another try
        await asyncio.sleep(1)
        assert len(sandbox.exits) <= 5
        broken.unlink()
        await until(lambda: bool(sandbox.pids))
        assert await sandbox.ask({"do": "tell"})


def test_pauses_between_failing_starts_grow_up_to_a_limit() -> None:
    limits = SandboxLimits(backoff_seconds=0.5, backoff_most_seconds=3)
    pauses = [0.0]
    for _ in range(5):
        pauses.append(limits.next_pause(pauses[-1]))
    assert pauses == [0, 0.5, 1, 2, 3, 3]
