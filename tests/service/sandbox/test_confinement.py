"""A decoder that was taken over: what it can see, reach, change and use up."""

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

import engine
from service.errors import RenderUnavailable
from service.sandbox import linux
from service.sandbox.child.landlock import CREATE_RULESET, GET_VERSION
from service.sandbox.protocol import REQUIRED, SandboxLimits, Work
from service.sandbox.protocol.limits import MIB
from tests.service.sandbox.faulty_child import CHANGES
from tests.service.sandbox.sandboxes import Act, Playground, told

DARKROOM_SECRET = "canary-5e1f"
LIMITS = SandboxLimits(memory_bytes=700 * MIB, address_slack_bytes=300 * MIB, max_output_bytes=MIB)


@pytest.fixture(scope="module")
async def prisoner() -> AsyncIterator[Playground]:
    environ = {
        "DARKROOM_DATABASE_URL": f"postgresql://user:{DARKROOM_SECRET}@host/name",
        "AWS_SECRET_ACCESS_KEY": DARKROOM_SECRET,
        "PYTHONPATH": f"/{DARKROOM_SECRET}",
        "LD_LIBRARY_PATH": "/opt/libraries",
    }
    inheritable = os.dup2(os.open("/dev/null", os.O_RDONLY), 77)
    os.set_inheritable(inheritable, True)
    async with Playground(limits=LIMITS, environ=environ) as sandbox:
        yield sandbox
    os.close(inheritable)


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server.getsockname()[1]
        with pytest.raises(BlockingIOError):
            server.accept()


def landlock_abi() -> int:
    try:
        return linux.syscall(CREATE_RULESET, None, 0, GET_VERSION)
    except OSError:
        return 0


def test_the_protections_in_force_are_those_of_this_kernel(prisoner: Playground) -> None:
    expected = {"no-new-privileges", "no-capabilities", "no-inspection", "seccomp"}
    landlock = {"landlock-files": 1, "landlock-tcp": 4, "landlock-signals": 6}
    expected |= {name for name, abi in landlock.items() if landlock_abi() >= abi}
    assert prisoner.protections == expected


def test_the_kernel_sees_them_too(prisoner: Playground) -> None:
    [pid] = prisoner.pids
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh")] == [0, 0, 0]
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


WITHOUT_LANDLOCK = """
from service.sandbox import linux
from service.sandbox.child import landlock
landlock.CREATE_RULESET = 9999  # as on a kernel that has no such call
from tests.service.sandbox.faulty_child import main, render
main(render)
"""


async def test_a_child_without_a_required_protection_starts_only_if_that_is_allowed(
    repository: Path,
) -> None:
    code = f"import sys; sys.path.insert(0, {str(repository)!r})\n{WITHOUT_LANDLOCK}"
    command = (sys.executable, "-I", "-c", code)
    with pytest.raises(RenderUnavailable, match="offers no landlock-files; see DARKROOM_ALLOW_WE"):
        await Playground(command=command).__aenter__()
    async with Playground(command=command, limits=SandboxLimits(allow_weak=True)) as sandbox:
        assert sandbox.missing_protections == ("landlock-files",)
        assert await sandbox.ask({"do": "tell"})
    async with Playground() as sandbox:
        assert sandbox.missing_protections == ()
        assert set(REQUIRED) <= sandbox.protections


async def test_nothing_of_the_worker_s_environment_comes_through(prisoner: Playground) -> None:
    seen = await prisoner.ask_one("look_around")
    of_the_engine = {"FONTCONFIG_FILE", "OPENBLAS_NUM_THREADS"}
    assert sorted(set(seen["environ"]) - of_the_engine) == [
        "GLIBC_TUNABLES", "LANG", "LD_LIBRARY_PATH", "MALLOC_ARENA_MAX", "PATH", "VIPS_CONCURRENCY",
    ]  # fmt: skip
    assert seen["environ"]["VIPS_CONCURRENCY"] == "1"
    assert DARKROOM_SECRET not in str(seen)
    assert seen["cwd"] == "/"
    assert seen["umask"] == 0o077


async def test_nothing_of_the_worker_s_files_comes_through(prisoner: Playground) -> None:
    os.fstat(77)
    descriptors = (await prisoner.ask_one("look_around"))["descriptors"]
    assert 77 not in descriptors
    outputs = len(descriptors) - 7  # three of every process, socket, two of /proc, the source
    assert 1 <= outputs <= LIMITS.results_ahead


async def test_the_kernel_s_limits_are_set_and_cannot_be_raised(prisoner: Playground) -> None:
    [seen] = await prisoner.ask({"do": "look_around"}, deadline=30)
    assert seen["limits"] == {
        "RLIMIT_DATA": 700 * MIB,
        "RLIMIT_AS": 1000 * MIB,
        "RLIMIT_FSIZE": MIB,
        "RLIMIT_CORE": 0,
    }
    assert 60 < seen["cpu_seconds"] < 120
    assert "refused" in await prisoner.ask_one("raise_limit")


@pytest.mark.parametrize("act", ["connect", "connect_by_syscall"])
async def test_it_cannot_connect(prisoner: Playground, listener: int, act: str) -> None:
    assert await prisoner.ask_one(act, port=listener) == {"refused": "PermissionError"}


async def test_it_cannot_read_files_but_those_it_needs(
    prisoner: Playground, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("secret")
    parent = f"/proc/{os.getpid()}"
    for path in (str(canary), "/etc/passwd", f"{parent}/environ", f"{parent}/maps"):
        assert await prisoner.ask_one("read", path=path) == {"refused": "PermissionError"}
    assert "done" in await prisoner.ask_one("read", path=engine.__file__)


async def test_it_reads_what_the_settings_add(tmp_path: Path) -> None:
    font, other = tmp_path / "fonts" / "a.ttf", tmp_path / "a.txt"
    font.parent.mkdir()
    font.write_text("a font")
    other.write_text("a secret")
    limits = SandboxLimits(readable=(str(font.parent), str(tmp_path / "missing")))
    async with Playground(limits=limits) as sandbox:
        assert await sandbox.ask_one("read", path=str(font)) == {"done": "'a font'"}
        assert "refused" in await sandbox.ask_one("read", path=str(other))


async def test_it_cannot_change_files(prisoner: Playground, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    for act, path in (("write", victim), ("remove", victim), ("write", tmp_path / "new")):
        assert await prisoner.ask_one(act, path=str(path)) == {"refused": "PermissionError"}
    assert victim.read_text() == "as it was"
    assert os.listdir(tmp_path) == ["victim"]


@pytest.mark.parametrize("how", CHANGES)
async def test_it_cannot_change_the_source_through_its_descriptor(
    prisoner: Playground, how: str, tmp_path: Path
) -> None:
    path = tmp_path / "source"
    path.write_bytes(b"as it was")
    os.setxattr(path, "user.note", b"as it was")
    before = _state(path)
    with path.open("rb") as source:
        job = msgspec.json.encode({"do": "change_source", "how": how})
        work = Work(owner="", source=source, jobs=(job,), deadline=30)
        async with prisoner.render(work) as rendering:
            [answer] = [told(result) async for result in rendering]
    assert answer["refused"] in {"PermissionError", "OSError"}
    assert (path.read_bytes(), _state(path)) == (b"as it was", before)
    assert os.getxattr(path, "user.note") == b"as it was"


def _state(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return (status.st_mode, status.st_uid, status.st_mtime_ns, status.st_ctime_ns)


async def test_it_holds_no_more_memory_files_than_it_may_fill(prisoner: Playground) -> None:
    """Each holds RLIMIT_FSIZE at most, and it can create none."""
    acts: list[Act] = [{"do": "look_around"}] * 9
    seen = await prisoner.ask(*acts)
    assert max(len(each["descriptors"]) for each in seen) == 7 + LIMITS.results_ahead


@pytest.mark.parametrize("act", ["run", "run_in_place", "fork", "signal_parent"])
async def test_it_cannot_start_or_reach_processes(prisoner: Playground, act: str) -> None:
    assert await prisoner.ask_one(act) == {"refused": "PermissionError"}


async def test_it_can_start_threads_as_libvips_does(prisoner: Playground) -> None:
    assert await prisoner.ask_one("start_thread") == {"done": True}


def test_the_child_knows_the_engine_alone() -> None:
    child = "service.sandbox.child"
    code = f"import {child}.adapter, {child}.child, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True
    )
    modules = set(done.stdout.split())
    assert {"engine.execute.renderer", "service.sandbox.protocol.wire"} <= modules
    roots = {name.split(".")[0] for name in modules}
    assert roots.isdisjoint({"asyncio", "aiohttp", "asyncpg", "arq", "redis", "aiobotocore"})
    of_the_service = {name for name in modules if name.startswith("service.")}
    assert {name for name in of_the_service if not name.startswith("service.sandbox")} == set()
