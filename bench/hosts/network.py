"""Hosts as network namespaces, each with a cable to the hub that can be cut. Needs root."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

HUB = "10.97.255.1"  # an address of the hub that all hosts reach, in a network that is its own
NETWORK = "10.97.0.0/16"
START_SECONDS = 5.0


def enter_own_network(command: Sequence[str]) -> list[str]:
    """Give the command line that runs a command in a network of its own, which becomes the hub."""
    return ["unshare", "--net", "--", *command]


def become_hub() -> None:
    """Bring up the addresses of the hub."""
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "address", "add", f"{HUB}/32", "dev", "lo")


class Host:
    """A host: a network namespace and one core; made by `host`."""

    def __init__(self, number: int, core: int, keeper: "subprocess.Popen[bytes]") -> None:
        self.number = number
        self.core = core
        self.address = f"10.97.{number}.2"
        self._keeper = keeper
        self._cable = f"hub{number}"

    def command(self, words: Sequence[str]) -> list[str]:
        """Give the command line that runs a command on this host."""
        return [*self._inside(), "taskset", "--cpu-list", str(self.core), *words]

    def cut(self) -> None:
        """Cut it off: what is sent goes nowhere, and nobody is told."""
        _run("ip", "link", "set", self._cable, "down")

    def restore(self) -> None:
        """Connect it again."""
        _run("ip", "link", "set", self._cable, "up")

    def lose(self) -> None:
        """Take the network away for good; what runs in it is its owner's."""
        self._keeper.kill()
        self._keeper.wait()
        with suppress(subprocess.CalledProcessError):  # it may have gone with the namespace
            _run("ip", "link", "delete", self._cable)

    def plug_in(self) -> None:
        """Lay the cable, and give both of its ends an address."""
        hub, end, pid = f"10.97.{self.number}.1", f"host{self.number}", str(self._keeper.pid)
        _run("ip", "link", "add", self._cable, "type", "veth", "peer", "name", end)
        _run("ip", "link", "set", end, "netns", pid)
        _run("ip", "address", "add", f"{hub}/30", "dev", self._cable)
        _run("ip", "link", "set", self._cable, "up")
        for words in (
            ("address", "add", f"{self.address}/30", "dev", end),
            ("link", "set", end, "up"),
            ("link", "set", "lo", "up"),
            ("route", "add", "default", "via", hub),
        ):
            _run(*self._inside(), "ip", *words)

    def _inside(self) -> list[str]:
        nsenter = shutil.which("nsenter") or "nsenter"  # servers are started by their paths
        return [nsenter, f"--net=/proc/{self._keeper.pid}/ns/net", "--"]


@contextmanager
def host(number: int, core: int) -> Iterator[Host]:
    """Make a host; `number` is from 1 to 254."""
    keeper = subprocess.Popen(enter_own_network(["sleep", "infinity"]))
    made = Host(number, core, keeper)
    try:
        until = time.monotonic() + START_SECONDS
        while _network(keeper.pid) == _network(os.getpid()):  # it has not left ours yet
            if keeper.poll() is not None or time.monotonic() > until:
                raise RuntimeError("unshare made no network namespace")
            time.sleep(0.005)
        made.plug_in()
        yield made
    finally:
        made.lose()


def _network(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
