"""What a runbook tells to look at or to do exists: panels, log lines, commands, settings."""

import ast
import re
from functools import cache
from pathlib import Path

import click
import pytest

from service.api.openapi import build_document
from service.cli import main
from service.settings import Settings, variable
from tests.observe.rules import ROOT, RUNBOOKS, alerts
from tools.dashboards import BOARDS

PAGES = sorted(RUNBOOKS.glob("*.md"))
FACTS = {"error_code", "process_id", "service_id", "request_id", "trace_id", "run", "attempt"}


@cache
def events() -> dict[str, set[str]]:
    """Return the events that are logged, with their fields."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "service").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log"), attr=_) | ast.Name(id="write"),
                    args=[ast.Constant(value=str(event))],
                ):
                    fields = {each.arg for each in node.keywords if each.arg}
                    fields |= FACTS if any(each.arg is None for each in node.keywords) else set()
                    found.setdefault(event, set()).update(fields)
    return found


def told(page: Path) -> str:
    return page.read_text()


def known_panels() -> set[str]:
    return {f"{board.title} › {panel.title}" for board in BOARDS for panel in board.panels}


def test_the_signs_of_saturation_are_panels_and_alerts() -> None:
    text = told(ROOT / "docs/scaling.md")
    panels = set(re.findall(r"\*\*([^*]+ › [^*]+)\*\*", text))
    assert len(panels) > 10
    assert panels <= known_panels()
    named = set(re.findall(r"`(Darkroom[A-Z]\w+)`", text))
    assert len(named) > 5
    assert named <= {alert.name for alert in alerts()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_named_exists(page: Path) -> None:
    text = told(page)
    panels = known_panels()
    named = set(re.findall(r"\*\*([^*]+)\*\*", text)) - {"dashboard › panel"}
    assert named <= panels
    assert set(re.findall(r"`(DARKROOM_\w+)`", text)) <= {
        variable(name) for name in Settings.__struct_fields__
    }
    routes = build_document(Settings(database_url="", redis_url=""))["paths"]
    for method, route in re.findall(r"`(GET|POST) (/[^`?]*)", text):
        assert method.lower() in routes[route], route


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_can_be_typed(page: Path) -> None:
    for words in re.findall(r"`darkroom ([^`]+)`", told(page)):
        command: click.Command = main
        for word in words.split():
            if isinstance(command, click.Group):
                found = command.get_command(click.Context(command), word)
                assert found is not None, words
                command = found
            elif word.startswith("--"):
                assert word in {option for each in command.params for option in each.opts}, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_log_lines_are_written(page: Path) -> None:
    known = events()
    for sentence in re.findall(r"Log events? (.*?)(?: \||\n)", told(page)):
        first, *others = re.findall(r"`([a-z_]+)`", sentence)
        assert first in known, sentence
        fields = known[first].union(*(known[each] for each in others if each in known))
        assert set(others) - known.keys() <= fields, sentence


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "README.md"], ids=lambda page: page.stem
)
def test_a_page_says_what_to_look_at_and_what_to_do(page: Path) -> None:
    _, look, do = re.split(r"\n## (?:Look at|Do)\n", told(page))
    assert len(re.findall(r"^- ", look, re.MULTILINE)) >= 1
    assert len(re.findall(r"^\d\. ", do, re.MULTILINE)) >= 2


def test_fifteen_questions_are_answered() -> None:
    rows = re.findall(
        r"^\| (\d+) \| (.*\?) \| (.*) \|$", told(RUNBOOKS / "README.md"), re.MULTILINE
    )
    assert [int(number) for number, _, _ in rows] == list(range(1, 16))
    assert all("**" in answer or "`" in answer for _, _, answer in rows)
