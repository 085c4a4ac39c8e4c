"""A few hundred spoiled files, and that the driver sees what it should; `make fuzz` takes more."""

import asyncio
import os
import random
import signal

from engine.errors import DarkroomError
from service.errors import RenderCrashed
from service.sandbox.parent import Sandbox
from service.sandbox.protocol import ChildExit, Reason
from tests.fuzz.drive import DONE, KILLED, Findings, fuzz
from tests.fuzz.mutate import CHANGES, case

FILES = 300


async def test_every_failure_has_a_code_and_no_child_dies() -> None:
    findings = await fuzz(range(FILES), crash_every=50)
    assert findings.unexpected == []
    assert findings.deaths == [], "\n".join(findings.summary())
    assert findings.files == FILES
    assert len(findings.crashes.replaced) >= 3
    assert findings.crashes.killed == {}
    assert findings.codes[KILLED] == len(findings.crashes.told)
    assert {DONE, "source_corrupt", "unsupported_format"} <= set(findings.codes)
    assert findings.codes[DONE] < FILES / 2


async def test_a_crash_does_not_hide_among_the_children_that_were_killed() -> None:
    findings = Findings()
    async with Sandbox(1, on_exit=findings.note_exit) as sandbox:
        await findings.crashes.crash_one(sandbox, random.Random(1))
        assert (findings.deaths, len(findings.crashes.ended)) == ([], 1)
        [pid] = sandbox.pids
        os.kill(pid, signal.SIGSEGV)
        while not findings.deaths:
            await asyncio.sleep(0.01)
    assert [(end.pid, end.message) for end in findings.deaths] == [(pid, "died of SIGSEGV")]
    findings.note(case(3), RenderCrashed("the rendering process died of SIGSEGV", pid), 1.0)
    assert findings.codes == {"render_crashed": 1}
    assert len(findings.unexpected) == 1


async def test_a_child_that_crashed_before_it_was_killed_is_not_ours() -> None:
    findings = Findings()
    findings.crashes.killed[7] = signal.SIGBUS
    findings.note_exit(ChildExit(reason=Reason.CRASHED, message="died of SIGSEGV", pid=7))
    assert [end.pid for end in findings.deaths] == [7]
    assert not findings.crashes.tell(7)


def test_a_seed_gives_the_same_case_again() -> None:
    assert case(7) == case(7)
    assert case(7) != case(8)
    assert len({case(seed).kind for seed in range(200)}) > 20
    assert len(CHANGES) == 10


def test_what_was_not_foreseen_is_found() -> None:
    findings = Findings()
    findings.note(case(3), DarkroomError("the image could not be made"), 1.0)
    [found] = findings.unexpected
    assert found == f"seed 3 ({case(3).kind}): internal: the image could not be made"
    assert "UNEXPECTED" in "\n".join(findings.summary())
