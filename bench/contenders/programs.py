"""What the contenders that are programs share: finding one, running one."""

import os
import shutil
import subprocess

from bench.contenders.protocol import absent

ONE_THREAD = {
    "MAGICK_THREAD_LIMIT": "1",
    "OMP_NUM_THREADS": "1",
    "VIPS_CONCURRENCY": "1",
}


def find(*names: str, said: str, install: str) -> tuple[str, str]:
    """Find a program whose `-version` says a word, and give its path with that first line.

    Leaves, telling how to install it, if there is none.
    """
    for name in names:
        for folder in os.get_exec_path():
            path = shutil.which(name, path=folder)
            if path is not None and said in (shown := _version(path)):
                return path, shown
    return absent(install)


def run(*arguments: object) -> None:
    """Run a program to its end, on one thread."""
    environment = {**os.environ, **ONE_THREAD}
    subprocess.run([str(each) for each in arguments], check=True, env=environment)


def _version(path: str) -> str:
    for option in ("-version", "--vips-version"):
        answer = subprocess.run([path, option], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout:
            return answer.stdout.splitlines()[0]
    return ""
