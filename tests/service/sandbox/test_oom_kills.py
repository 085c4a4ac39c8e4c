"""A child that was killed is told as out of memory if the kernel says so, and only then."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from service.errors import RenderCrashed
from service.sandbox.parent import oom_kills
from service.sandbox.parent.oom_kills import WHOLE_MACHINE, count_file, read_count
from service.sandbox.protocol import Reason
from tests.service.sandbox.sandboxes import Playground, until

V1 = "4:memory:/system.slice/darkroom\n3:cpuset:/\n1:name=systemd:/x\n0::/\n"
V2 = "0::/system.slice/darkroom\n"
EVENTS = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"


@pytest.mark.parametrize(
    ("membership", "name", "content"),
    [
        (V2, "system.slice/darkroom/memory.events", EVENTS),
        (V2, "memory.events", EVENTS),  # in a container, which sees its own group as the root
        ("0::/\n", "memory.events", EVENTS),
        (V2, "unified/system.slice/darkroom/memory.events", EVENTS),
        (V1, "memory/system.slice/darkroom/memory.oom_control", CONTROL),
        (V1, "memory/memory.oom_control", CONTROL),
    ],
)
def test_where_the_kernel_counts(tmp_path: Path, membership: str, name: str, content: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(content)
    assert count_file(membership, tmp_path) == tmp_path / name
    assert read_count(tmp_path / name) == 2


def test_where_groups_do_not_count_the_machine_does(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.oom_control").write_text("oom_kill_disable 0\n")  # before 4.13
    assert count_file(V1, tmp_path) == WHOLE_MACHINE
    assert read_count(WHOLE_MACHINE) >= 0
    assert read_count(tmp_path / "nothing") == 0


@pytest.mark.parametrize(
    ("counted", "reason", "words"),
    [(5, Reason.CRASHED, "died of SIGKILL"),
     (6, Reason.OUT_OF_MEMORY, "ran out of memory and died of SIGKILL")],
)  # fmt: skip
async def test_a_kill_is_attributed_to_its_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: int, reason: Reason, words: str
) -> None:
    events = tmp_path / "memory.events"
    events.write_text("oom_kill 4\n")
    monkeypatch.setattr(oom_kills, "count_file", lambda *_: events)
    async with Playground(1) as sandbox:
        events.write_text("oom_kill 5\n")  # another process was, before this work began
        asked = asyncio.create_task(sandbox.ask_one("sleep", seconds=60))
        await until(lambda: sandbox.busy == 1)
        events.write_text(f"oom_kill {counted}\n")
        os.kill(sandbox.pids[0], signal.SIGKILL)
        with pytest.raises(RenderCrashed, match=words):
            await asked
        assert (await sandbox.next_exit()).reason == reason
