"""Dashboards, rules and runbooks name only what there is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.errors import DarkroomError
from service.metrics import Metrics
from tests.observe.rules import (
    PROMETHEUS,
    PROMTOOL,
    ROOT,
    RUNBOOKS,
    Rule,
    alerts,
    grouping,
    known_series,
    rules,
    selectors,
)
from tools.dashboards import BOARDS
from tools.dashboards.build import FOLDER, files
from tools.dashboards.model import WINDOW

needs_promtool = pytest.mark.skipif(
    not PROMTOOL.exists(), reason="promtool is not available: `make prometheus` says why"
)


def expressions() -> dict[str, str]:
    asked = {
        f"{board.title} › {panel.title} {place}": query.expr.replace(WINDOW, "5m")
        for board in BOARDS
        for panel in board.panels
        for place, query in enumerate(panel.queries)
    }
    return asked | {rule.name: rule.expr for rule in rules()}


def codes(kind: type[DarkroomError] = DarkroomError) -> set[str]:
    return {kind.code}.union(*(codes(each) for each in kind.__subclasses__()))


def test_the_dashboards_are_current() -> None:
    assert {path: path.read_text() for path in FOLDER.glob("*.json")} == files(), (
        "run `make dashboards`"
    )


def test_panels_are_named_once_and_described() -> None:
    for board in BOARDS:
        titles = [panel.title for panel in board.panels]
        assert len(titles) == len(set(titles))
        assert all(panel.says for panel in board.panels)


def test_expressions_ask_for_what_there_is() -> None:
    known = known_series()
    for where, expr in expressions().items():
        asked = list(selectors(expr))
        assert asked, where
        labels = set[str]()
        for name, matchers in asked:
            assert name in known, f"{where}: no metric is called {name}"
            assert matchers.keys() <= known[name], f"{where}: {name} has no such label"
            labels |= known[name]
        assert grouping(expr) <= labels, where


def test_every_metric_is_asked_for() -> None:
    asked = {name for expr in expressions().values() for name, _ in selectors(expr)}
    for each in Metrics(version="", libvips="").declared:
        ends = ("", "_bucket", "_count", "_sum")
        if each.name not in {"darkroom_rate_limited_total", "darkroom_idempotent_replays_total"}:
            assert asked & {each.name + end for end in ends}, each.name


def test_values_of_labels_are_those_of_the_code() -> None:
    bounds = {
        f"{each.name}_bucket": {str(float(bound)) for bound in each.buckets}
        for each in Metrics(version="", libvips="").declared
    }
    known = codes()
    for expr in expressions().values():
        for name, matchers in selectors(expr):
            assert {matchers["le"]} <= bounds[name] if "le" in matchers else True, name
            if "error_code" in matchers:
                assert set(matchers["error_code"].split("|")) <= known


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_every_alert_has_a_page_that_names_it(alert: Rule) -> None:
    page = (ROOT / alert.runbook).read_text()
    assert f"`{alert.name}`" in page.split("## Look at")[0]
    assert alert.severity in {"page", "ticket"}


def test_every_page_is_of_alerts() -> None:
    pages = {path for path in RUNBOOKS.glob("*.md") if path.name != "README.md"}
    assert {ROOT / alert.runbook for alert in alerts()} == pages
    for path in pages:
        named = set(re.findall(r"`(Darkroom\w+)`", path.read_text()))
        assert named == {a.name for a in alerts() if ROOT / a.runbook == path}, path.name


@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    config = PROMETHEUS / "prometheus.yml"  # which names the files of rules
    subprocess.run([PROMTOOL, "check", "config", config], check=True, capture_output=True)


@needs_promtool
def test_promtools_linter_finds_nothing() -> None:
    """Of metrics that have a value each."""
    made = Metrics(version="1", libvips="8", services=1)
    for each in vars(made).values():
        if labels := getattr(each, "_labelnames", ()):
            each.labels(*labels)
        elif labels := getattr(each, "_labels", ()):
            each.set(1, *labels)
        elif hasattr(each, "forget"):
            each.set(1)
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=made.expose(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@needs_promtool
def test_alerts_fire_when_they_should_and_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.observe.unit", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
