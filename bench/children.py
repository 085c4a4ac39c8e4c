"""Contenders as child processes: found, started, used, ended."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from bench.sources import ROOT
from bench.workloads import Workload

Answer = dict[str, Any]
RIVALS = ROOT / "bench/rivals"
NODE = shutil.which("node") or "node"


class Contender(NamedTuple):
    """A name to show, and what is run; `python` is the environment's interpreter."""

    title: str
    file: str
    python: Path = Path(sys.executable)

    @property
    def command(self) -> list[str]:
        """What is run."""
        if self.file.endswith(".mjs"):
            return [NODE, f"bench/contenders/{self.file}"]
        return [str(self.python), "-m", f"bench.contenders.{self.file}"]


LIMIT, DARKROOM, PLAIN = "limit", "darkroom", "plain"

CONTENDERS = {
    LIMIT: Contender("the limit", "limit"),
    DARKROOM: Contender("Darkroom", "darkroom"),
    PLAIN: Contender("Darkroom without its passes", "darkroom_plain"),
    "naive": Contender("pyvips, naive", "pyvips_naive"),
    "sharp": Contender("sharp", "sharp.mjs"),
    "pillow": Contender("Pillow", "pillow"),
    "pillow-simd": Contender("Pillow-SIMD", "pillow", RIVALS / "pillow-simd/bin/python"),
    "opencv": Contender("OpenCV", "opencv", RIVALS / "opencv/bin/python"),
    "vipsthumbnail": Contender("vipsthumbnail", "vipsthumbnail"),
    "imagemagick": Contender("ImageMagick", "imagemagick"),
    "graphicsmagick": Contender("GraphicsMagick", "graphicsmagick"),
}


class Absent(Exception):
    """A contender that is not on this machine; tells how to install it."""


class Ended(Exception):
    """A contender that exited unexpectedly."""


class Child:
    """A contender that waits for work; ended by leaving the context."""

    def __init__(self, contender: Contender) -> None:
        if shutil.which(contender.command[0]) is None:
            raise Absent("make bench-rivals" if contender.file != "sharp.mjs" else "node")
        # One thread each: libvips, OpenMP, libuv; and one core, which the runner sits on.
        # Large pages, as rendering children of the service have them.
        environment = os.environ | {
            "VIPS_CONCURRENCY": "1",
            "OMP_NUM_THREADS": "1",
            "UV_THREADPOOL_SIZE": "1",
            "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
            "PYTHONPATH": str(ROOT),
        }
        self._process = subprocess.Popen(
            contender.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment,
            text=True,
        )
        hello = self._answer()
        if "absent" in hello:
            self.close()
            raise Absent(hello["absent"])
        self.version: str = hello["version"]

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(self, workload: Workload, sources: Path, folder: Path, reference: Path) -> Answer:
        """Have a workload done once; returns what the contender measured of itself."""
        request = {
            "source": str(sources / workload.source),
            "jobs": workload.jobs,
            "folder": str(folder),
            "reference": str(reference),
        }
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Let it end, and wait."""
        self._process.communicate()

    def _answer(self) -> Answer:
        assert self._process.stdout is not None  # noqa: S101
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise Ended(f"it ended with {self._process.returncode}")
        answer: Answer = json.loads(line)
        return answer
