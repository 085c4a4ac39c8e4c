"""Two versions of Darkroom: the last that was tagged, with its own dependencies, and this one."""

import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from service.dev.stack import DarkroomServer
from service.settings import as_environment

ROOT = Path(__file__).parents[2]
UV = ROOT / ".venv" / "bin" / "uv"


class Version(Struct, frozen=True):
    """A version: its name, and the Python whose `service` it is."""

    name: str
    python: Path

    def run(self, settings: Mapping[str, object], *words: str) -> str:
        """Run a command of it; gives what it prints, and raises what it says if it fails."""
        done = subprocess.run(
            [self.python, "-m", "service.cli", *words], cwd=self.python.parent, check=False,
            env=as_environment(settings) | {"PATH": "/usr/bin:/bin"},
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{self.name}: darkroom {' '.join(words)}: {done.stderr}")
        return done.stdout


class VersionServer(DarkroomServer):
    """An API or a worker of a version."""

    def __init__(
        self, version: Version, directory: Path, command: str, settings: Mapping[str, object],
        port: int,
    ) -> None:  # fmt: skip
        probe = f"http://127.0.0.1:{port}/readyz"
        super().__init__(directory, command, settings, probe)
        self._version = version

    def _command(self) -> list[str]:
        return [str(self._version.python), *super()._command()[1:]]


NOW = Version("this version", Path(sys.executable))


def last_tag() -> str:
    """Give the last tag before this commit; empty if there is none, as in a shallow clone."""
    command = ["git", "-C", str(ROOT), "describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^"]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else ""


def check_out(tag: str, folder: Path) -> Version:
    """Unpack a tag and install what it depends on, as its own lock file says."""
    packed = folder / "tag.tar"
    subprocess.run(["git", "-C", str(ROOT), "archive", "-o", str(packed), tag], check=True)
    with tarfile.open(packed) as archive:
        archive.extractall(folder / "tag", filter="data")
    install = [str(UV), "sync", "--frozen", "--quiet", "--python", sys.executable]
    own = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    for words in ([*install, "--offline"], install):  # what was downloaded before is enough
        done = subprocess.run(words, cwd=folder / "tag", check=words is install, env=own)
        if done.returncode == 0:
            break
    return Version(tag, folder / "tag" / ".venv" / "bin" / "python")
