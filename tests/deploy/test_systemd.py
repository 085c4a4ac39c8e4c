"""The units run commands that exist, stop them in time and confine them."""

import configparser
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from service.cli import main
from service.settings import Settings, read_settings

SYSTEMD = Path(__file__).parent.parent.parent / "deploy" / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
RUNNING = [unit for unit in UNITS if unit.stem != "darkroom-migrate"]


def read(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    return parser


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_runs_a_command_that_exists_as_its_own_user(unit: Path) -> None:
    service = read(unit)["Service"]
    program, command = service["ExecStart"].split()
    assert program == "/opt/darkroom/.venv/bin/darkroom"
    assert command in main.list_commands(click.Context(main))
    assert service["User"] == "darkroom"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.parametrize("unit", RUNNING, ids=lambda unit: unit.stem)
def test_what_stops_is_given_longer_than_it_asks_for(unit: Path) -> None:
    service = read(unit)["Service"]
    drain = Settings(database_url="", redis_url="").drain_seconds
    assert float(service["TimeoutStopSec"]) >= drain + 5
    assert service["KillMode"] == "mixed"


def test_the_environment_is_one_that_starts() -> None:
    lines = (SYSTEMD / "environment").read_text().splitlines()
    pairs = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert read_settings(pairs).port == 8080


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    copies = tmp_path / "units"
    shutil.copytree(SYSTEMD, copies)
    for copy in copies.glob("*.service"):
        copy.write_text(copy.read_text().replace("/opt/darkroom/.venv/bin/darkroom", "/bin/true"))
    told = subprocess.run(
        ["systemd-analyze", "verify", copies / unit.name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "darkroom" not in told.stderr
