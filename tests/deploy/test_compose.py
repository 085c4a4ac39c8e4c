"""What is deployed names only settings and commands that exist."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from service.cli import main
from service.settings import Settings, variable

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
KNOWN = {variable(name) for name in Settings.__struct_fields__}


@pytest.fixture
def compose() -> dict[str, Any]:
    words: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return words


def ours(compose: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in compose["services"].items() if "build" in part}


def test_every_variable_is_a_setting(compose: dict[str, Any]) -> None:
    for part in ours(compose).values():
        assert set(part["environment"]) <= KNOWN
        required = {"DARKROOM_DATABASE_URL", "DARKROOM_REDIS_URL"}
        assert required <= set(part["environment"])


def test_every_command_is_one_of_ours(compose: dict[str, Any]) -> None:
    commands = {part["command"] for part in ours(compose).values()}
    assert commands == {"migrate", "serve", "worker"}
    assert commands <= set(main.list_commands(click.Context(main)))
    default = re.search(r'CMD \["(\w+)"\]', (DEPLOY / "Dockerfile").read_text())
    assert default is not None
    assert default[1] in main.list_commands(click.Context(main))


def test_what_stops_is_given_longer_than_it_asks_for(compose: dict[str, Any]) -> None:
    for name in ("api", "worker"):
        grace = float(compose["services"][name]["stop_grace_period"].removesuffix("s"))
        assert grace > Settings(database_url="", redis_url="").drain_seconds


def test_the_image_copies_what_is_packaged() -> None:
    copied = set(re.findall(r"^COPY (\w+) \w+$", (DEPLOY / "Dockerfile").read_text(), re.M))
    assert copied == {"engine", "service"}


def test_every_folder_that_is_mounted_exists(compose: dict[str, Any]) -> None:
    mounts = [mount for part in compose["services"].values() for mount in part.get("volumes", [])]
    folders = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert len(folders) == 3
    assert all((DEPLOY / folder).is_dir() for folder in folders)


def test_prometheus_scrapes_the_api_and_the_worker_where_they_listen(
    compose: dict[str, Any],
) -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    targets = [
        target
        for job in scraped["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    ]
    defaults = Settings(database_url="", redis_url="")
    assert targets == [f"api:{defaults.port}", f"worker:{defaults.metrics_port}"]
    assert {target.split(":")[0] for target in targets} <= set(ours(compose))
