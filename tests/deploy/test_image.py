"""The container image: what its Dockerfile says; in the long form, the image itself at work."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from service.embedded import Postgres, Valkey
from service.settings import Settings, variable
from tests.deploy.image import ROOT, Stage, build, container, in_container, instructions

DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def test_every_file_that_is_copied_exists() -> None:
    copied = [rest.split() for word, rest in instructions(DOCKERFILE) if word == "COPY"]
    sources = [name for words in copied if "--from" not in words[0] for name in words[:-1]]
    assert {"engine", "service", "uv.lock"} <= set(sources)
    assert all((ROOT / name).exists() for name in sources)


def test_the_image_runs_as_nobody_and_reports_its_health() -> None:
    said = dict(instructions(DOCKERFILE))
    assert said["USER"] == "65534:65534"
    assert f":{Settings(database_url='', redis_url='').port}/livez" in said["HEALTHCHECK"]


def test_memory_arenas_are_few() -> None:
    settings = [rest for word, rest in instructions(DOCKERFILE) if word == "ENV"]
    assert any("MALLOC_ARENA_MAX=2" in rest for rest in settings)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("needs root and debootstrap")
    return build(DOCKERFILE, tmp_path_factory.mktemp("image"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the image's user may enter; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        opened = Path(name)
        opened.chmod(0o755)
        yield opened


@pytest.fixture
async def parts(folder: Path) -> AsyncIterator[dict[str, str]]:
    """Postgres and Valkey whose sockets the image's user may use, and two free ports."""
    async with Postgres(folder / "postgres") as postgres, Valkey(folder / "valkey") as valkey:
        (host,) = parse_qs(urlsplit(postgres.dsn).query)["host"]
        for path in (valkey.socket, Path(host) / ".s.PGSQL.5432"):
            for file in (path, path.parent, folder / "postgres", folder / "valkey"):
                file.chmod(0o777)
        yield {
            variable("database_url"): postgres.dsn,
            variable("redis_url"): valkey.url,
            variable("port"): str(free_port()),
            variable("metrics_port"): str(free_port()),
        }


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_the_image_migrates_serves_and_renders(
    image: Stage, parts: dict[str, str], folder: Path
) -> None:
    pictures = folder / "pictures"
    pictures.mkdir()
    pictures.chmod(0o777)
    shutil.copy(ROOT / "tests/data/photos/chelsea.png", pictures)

    def inside(*arguments: str) -> list[str]:
        return container(image, *arguments, folders=[folder], **parts)

    output(inside("migrate"))
    added = json.loads(output(inside("services", "add", "shop", "--storage", f"file://{pictures}")))
    token, service_id = added["token"], added["service_id"]
    url = f"http://127.0.0.1:{parts[variable('port')]}"
    serving, working = start(inside()), start(inside("worker"))
    try:
        await until(lambda: ask(f"{url}/readyz"))
        health = [word.replace("8080", parts[variable("port")]) for word in image.health]
        output(in_container(image, health, [folder]))
        jobs = [{"destination": "/small.jpg", "transformations": []}]
        body = {"service_id": service_id, "source": "/chelsea.png", "jobs": jobs}
        process = ask(f"{url}/request", token, body)["process_id"]
        await until(lambda: ask(f"{url}/request/{process}", token)["status"] == "FINISHED")
    finally:
        for running in (serving, working):
            running.terminate()
        assert [running.wait(timeout=40) for running in (serving, working)] == [0, 0]
    with Image.open(pictures / "small.jpg") as result:
        assert result.size == (451, 300)


def output(words: list[str]) -> str:
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE).stdout


def start(words: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(words)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def ask(url: str, token: str = "", body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


async def until(holds: Callable[[], Any], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while True:
            with suppress(OSError):
                if await asyncio.to_thread(holds):
                    return
            await asyncio.sleep(0.2)
