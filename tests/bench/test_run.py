"""`make bench` in its short form: real contenders, real figures, and what is made of them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.children import CONTENDERS, Absent, Child, Contender
from bench.compare import SAME, psnr
from bench.workloads import Workload

CORE = {"limit", "darkroom", "plain", "pillow"}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> tuple[str, Path]:
    results = tmp_path_factory.mktemp("results")
    settings = ["ROUNDS=1", "ONLY=W9,W11", "CONTENDERS=pillow", f"RESULTS={results}"]
    done = subprocess.run(
        ["make", "bench", *settings], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, results


@pytest.fixture(scope="module")
def latest(printed: tuple[str, Path]) -> Any:
    return json.loads((printed[1] / "latest.json").read_text())


def test_every_contender_has_its_figures(latest: Any) -> None:
    assert latest["workloads"].keys() == {"W9", "W11"}
    for measured in latest["workloads"].values():
        assert measured.keys() == CORE
        assert measured["limit"]["cpu_ratio"] == measured["limit"]["wall_ratio"] == 1
        for figures in measured.values():
            assert figures["cpu_ms"] > 0
            assert figures["peak_rss_mb"] > 10
            assert figures["bytes"] > 3000


def test_images_are_compared(latest: Any) -> None:
    for measured in latest["workloads"].values():
        assert measured["limit"]["psnr_db"] is None
        assert measured["plain"]["psnr_db"] == SAME
        assert measured["darkroom"]["psnr_db"] > 40
        assert 40 < measured["pillow"]["psnr_db"] < SAME


def test_the_engine_reports_what_it_did(latest: Any) -> None:
    for measured in latest["workloads"].values():
        assert measured["darkroom"]["decode_passes"] == 1
        assert measured["darkroom"]["pixels_decoded"] > 100_000
        assert measured["darkroom"]["vips_operations"] >= 0


def test_the_machine_is_reported(latest: Any) -> None:
    assert latest["machine"]["cpu"]
    assert latest["machine"]["cores"] >= 1
    assert all(each["version"] for each in latest["contenders"].values())


def test_tables_goals_and_a_drawing_come_out(printed: tuple[str, Path]) -> None:
    shown, folder = printed
    for title in ("CPU time × limit", "peak memory, MiB", "fidelity, dB", "W9: cpu × limit"):
        assert title in shown
    drawing = (folder / "latest.svg").read_text()
    assert drawing.count("<circle") == 3 + 2 * 3  # the legend, and a dot for each but the limit


def test_an_absent_contender_says_how_to_install_it() -> None:
    nowhere = Contender("nobody", "pillow", Path("/nowhere/bin/python"))
    with pytest.raises(Absent, match="make bench-rivals"):
        Child(nowhere)


def test_who_cannot_says_so(tmp_path: Path) -> None:
    """Every contender's answer to a step that it does not know, here Pillow's."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    job = {"destination": "b.png", "transformations": [{"type": "enhance"}]}
    with Child(CONTENDERS["pillow"]) as child:
        answer = child.run(Workload("a.png", [job]), tmp_path, tmp_path, tmp_path)
    assert "enhance" in answer["cannot"]


def test_psnr_is_what_it_is_defined_as(tmp_path: Path) -> None:
    one, other, smaller = (tmp_path / f"{name}.png" for name in "abc")
    Image.fromarray(np.full((20, 20, 3), 100, np.uint8)).save(one)
    Image.fromarray(np.full((20, 20, 3), 102, np.uint8)).save(other)
    Image.fromarray(np.full((18, 20, 3), 100, np.uint8)).save(smaller)
    assert psnr(one, one) == psnr(one, smaller) == SAME
    assert psnr(one, other) == pytest.approx(10 * np.log10(255**2 / 4))
