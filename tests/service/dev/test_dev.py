"""`darkroom dev` from the outside: a real process, real servers, real images."""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from service.dev.stack import free_port
from service.storage import StorageOptions, open_storage
from tests.service.storage.objects import get

DARKROOM = (sys.executable, "-m", "service.cli")
READY = "Ctrl-C stops everything."


class Stack:
    """A running `darkroom dev`, what it printed and what it wrote to dev.json."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [*DARKROOM, "dev", "--data", str(data), "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.printed = ""
        self.dev: dict[str, Any] = {}

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
            if line.startswith(READY):
                self.dev = json.loads((self.data / "dev.json").read_text())
                return
        pytest.fail(f"darkroom dev ended early:\n{self.printed}")

    def family(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(True)]

    def ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.dev['token']}"}
        request = urllib.request.Request(self.dev["url"] + path, data, headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def status(self, process_id: str) -> Any:
        return self.ask(f"/request/{process_id}")

    def finish(self, process_id: str) -> Any:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            status = self.status(process_id)
            if status["status"] in {"FINISHED", "FAILED"}:
                return status
            time.sleep(0.05)
        pytest.fail("the process did not end")


@contextmanager
def running(data: Path, *arguments: str) -> Iterator[Stack]:
    stack = Stack(data, *arguments)
    try:
        stack.wait_until_ready()
        yield stack
    finally:
        if stack.process.poll() is None:
            os.killpg(stack.process.pid, signal.SIGKILL)
        stack.process.wait()
        if stack.process.stdout is not None:
            stack.process.stdout.close()


def assert_all_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


def paste_readme(stack: Stack, repository: Path, folder: Path) -> None:
    """Run every line of the README's shell blocks, in order, beside a running stack."""
    readme = (repository / "README.md").read_text()
    blocks = re.findall(r"^```bash\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert blocks[:2] == ["make run\n", "make test\n"]
    script = "".join(blocks[2:])
    for port in ("8081", "9101"):
        assert port in script
        script = script.replace(port, str(free_port()))
    (folder / ".darkroom").symlink_to(stack.data)
    (folder / "service").symlink_to(repository / "service")
    strict = 'set -e -o pipefail; curl() { command curl --fail-with-body "$@"; }\n'
    shell = subprocess.Popen(
        ["bash", "-c", strict + script], cwd=folder, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        printed, _ = shell.communicate(timeout=300)
    finally:  # what it started in the background, too
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, printed
    for words in ('"status":"FINISHED"', '"openapi":"3.1.0"', "save as webp", '"token":"drk_'):
        assert words in printed
    assert (stack.data / "storage" / "shop" / "square.jpg").exists()
    assert (stack.data / "results" / "shop" / "small.webp").exists()


@pytest.mark.timeout(400)  # a dozen commands, each a start of its own
def test_it_shows_results_that_can_be_made_again_and_the_readme_works_beside_it(
    tmp_path: Path, repository: Path
) -> None:
    with running(tmp_path / "d") as stack:
        for name in ("square.jpg", "sepia.jpg", "card.webp", "tilted.png", "mirror.jpg"):
            assert f"demo/{name}" in stack.printed
            with Image.open(tmp_path / "d" / "storage" / "demo" / name) as image:
                image.load()
        curls = [
            shlex.split(line) for line in stack.printed.splitlines() if line.startswith("curl -s")
        ]
        asked = {curl[2]: json.loads(curl[curl.index("-d") + 1]) for curl in curls if "-d" in curl}
        url = stack.dev["url"]
        assert stack.ask("/explain", asked[f"{url}/explain"])["facts"]["width"] == 451
        answer = stack.ask("/request", asked[f"{url}/request"])
        assert stack.finish(answer["process_id"])["status"] == "FINISHED"

        assert set(stack.dev["pids"]) == {"postgres", "valkey", "api", "worker"}
        niceness = partial(os.getpriority, os.PRIO_PROCESS)
        assert niceness(stack.dev["pids"]["api"]) == niceness(0)
        assert niceness(stack.dev["pids"]["worker"]) == max(niceness(0), 5)
        for url in stack.dev["metrics_urls"]:
            with urllib.request.urlopen(url) as metrics:
                assert b"darkroom_build_info" in metrics.read()
        assert (tmp_path / "d" / "dev.json").stat().st_mode & 0o077 == 0
        paste_readme(stack, repository, tmp_path)

        family = stack.family()
        assert len(family) > 6
        stack.process.send_signal(signal.SIGINT)
        assert stack.process.wait(60) == 0
        assert_all_gone(family)

    with running(tmp_path / "d") as again:
        assert again.dev["token"] == stack.dev["token"]
        assert again.dev["service_id"] == stack.dev["service_id"]
        kept = again.status(answer["process_id"])
        assert kept["status"] == "FINISHED"
        family = again.family()
        again.process.kill()
        assert_all_gone(family)


def test_the_same_with_s3(tmp_path: Path) -> None:
    with running(tmp_path / "d", "--storage", "s3") as stack:
        dev = stack.dev
        assert dev["storage"] == "s3://darkroom/demo"

        options = {
            name: dev[f"storage_{name}"] for name in ("endpoint", "access_key", "secret_key")
        }

        async def fetched() -> bytes:
            storage = await open_storage(dev["storage"], StorageOptions(**options))
            try:
                return await get(storage, "demo/square.jpg")
            finally:
                await storage.close()

        stored = asyncio.run(fetched())
        assert stored == (tmp_path / "d" / "results" / "square.jpg").read_bytes()
        family = stack.family()
        stack.process.send_signal(signal.SIGTERM)
        assert stack.process.wait(60) == 0
        assert_all_gone(family)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*DARKROOM, "dev", "--data", str(tmp_path), "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert f"port {port} is taken" in ended.stderr
    assert "Traceback" not in ended.stderr
