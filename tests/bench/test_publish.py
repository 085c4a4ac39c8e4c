"""The published figures are those of the published run, on every page that shows them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench import publish, workloads
from bench.chart import draw


@pytest.fixture(scope="module")
def published() -> Any:
    return json.loads(publish.PUBLISHED.read_text())


@pytest.mark.parametrize("name", publish.PAGES)
def test_a_page_shows_the_published_run(name: str, published: Any, repository: Path) -> None:
    assert (repository / name).read_text() == publish.filled(name, published)


def test_the_readme_s_figures_are_the_run_s(published: Any, repository: Path) -> None:
    """Read them back without the code that wrote them."""
    text = (repository / "README.md").read_text()
    [part] = re.findall(r"<!-- bench:begin -->(.*)<!-- bench:end -->", text, re.DOTALL)
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in part.splitlines()
        if line.startswith("|")
    ]
    keys = {about["title"]: key for key, about in published["contenders"].items()}
    assert len(rows) >= 4
    for title, *cells in rows:
        for name, cell in zip(head[1:], cells, strict=True):
            figures = published["workloads"][name].get(keys[title])
            if figures is None:
                assert cell == "–"
            else:
                assert float(cell) == pytest.approx(figures["cpu_ratio"], rel=0.05)


def test_the_drawing_is_the_run_s(published: Any, repository: Path) -> None:
    assert (repository / "docs/images/bench.svg").read_text() == draw(published)


def test_every_workload_was_published(published: Any) -> None:
    assert published["workloads"].keys() == workloads.load().keys()


@pytest.mark.parametrize("workload", ["W3", "W8"])
def test_what_the_readme_claims_beside_others_is_so(workload: str, published: Any) -> None:
    figures = published["workloads"][workload]
    ours = figures["darkroom"]["cpu_ratio"]
    assert 3.5 < figures["sharp"]["cpu_ratio"] / ours < 5  # "about a quarter"
    assert figures["naive"]["cpu_ratio"] / ours > 5  # "at most a fifth"
