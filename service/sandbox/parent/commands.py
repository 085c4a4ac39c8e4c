"""How children are run: modules for Python in isolated mode, and their environment."""

import os
import sys
from collections.abc import Mapping

RENDER = (sys.executable, "-I", "-m", "service.sandbox.child")
EXPLAIN = (sys.executable, "-I", "-m", "service.sandbox.child.explainer")

ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": os.defpath,
    "VIPS_CONCURRENCY": "1",
    "MALLOC_ARENA_MAX": "2",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # large pages, where one may ask
}
INHERITED = ("LD_LIBRARY_PATH", "LD_PRELOAD")  # where libraries are, and which allocator


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the whole environment of a child: constants, and what may pass of `environ`."""
    return ENVIRONMENT | {name: environ[name] for name in INHERITED if name in environ}
