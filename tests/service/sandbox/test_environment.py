"""The environment that children start with."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from service.sandbox.parent import commands
from service.sandbox.protocol import SandboxLimits
from tests.service.sandbox.sandboxes import Playground

MODE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HOLD_SOME = """
import re
held = [bytes(100_000) for _ in range(100)]
maps = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", open("/proc/self/smaps").read())
print(any(re.search(r"^VmFlags:.* hg", each, re.M) for each in maps if "[heap]" in each))
"""


def _pages_are_given_on_request() -> bool:
    on_request = MODE.exists() and "[madvise]" in MODE.read_text()
    return on_request and platform.libc_ver()[0] == "glibc"


@pytest.mark.skipif(not _pages_are_given_on_request(), reason="large pages for all or for none")
def test_children_ask_for_large_pages() -> None:
    command = [sys.executable, "-I", "-c", HOLD_SOME]
    seen = subprocess.check_output(command, env=commands.environment({}), text=True)
    assert seen == "True\n"


async def test_a_child_leaves_the_processor_to_others() -> None:
    async with Playground(limits=SandboxLimits(nice=7)) as sandbox:
        (pid,) = sandbox.pids
        await sandbox.ask({"do": "tell"})
        assert os.getpriority(os.PRIO_PROCESS, pid) == max(os.getpriority(os.PRIO_PROCESS, 0), 7)
