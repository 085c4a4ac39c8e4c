"""What deploy/prometheus says, and what expressions ask for."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import promql_parser
import yaml
from msgspec import Struct

from service.metrics import Metrics

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
PROMTOOL = ROOT / ".venv" / "bin" / "promtool"
OF_EVERY_TARGET = {"instance", "job"}
PROCESS = ("start_time_seconds", "cpu_seconds_total", "resident_memory_bytes")
USUAL = dict.fromkeys(("up", *(f"process_{each}" for each in PROCESS)), OF_EVERY_TARGET)


class Rule(Struct, frozen=True):
    """A rule of Prometheus: an alert, or a record."""

    name: str
    expr: str
    severity: str = ""
    runbook: str = ""


def rules() -> list[Rule]:
    """Return all rules of all files."""
    found = []
    for path in (PROMETHEUS / "records.yml", PROMETHEUS / "alerts.yml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            found += [_rule(each) for each in group["rules"]]
    return found


def alerts() -> list[Rule]:
    """Return those that wake somebody."""
    return [rule for rule in rules() if rule.severity]


def _rule(each: Mapping[str, Any]) -> Rule:
    if "record" in each:
        return Rule(each["record"], each["expr"])
    notes = each["annotations"]
    assert set(notes) == {"summary", "runbook"}, each["alert"]
    return Rule(each["alert"], each["expr"], each["labels"]["severity"], notes["runbook"])


def known_series() -> dict[str, set[str]]:
    """Return the names of all series that may be asked for, with their labels."""
    known = {rule.name: set[str]() for rule in rules() if not rule.severity} | USUAL
    for each in Metrics(version="", libvips="").declared:
        labels = {*each.labels, *OF_EVERY_TARGET}
        if each.kind == "histogram":
            known |= {each.name + end: labels for end in ("_count", "_sum")}
            known[each.name + "_bucket"] = labels | {"le"}
        else:
            known[each.name] = labels
    return known


def selectors(expr: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each series that an expression asks for, with the labels that it must have.

    Raises ValueError for what is no expression.
    """
    found: list[tuple[str, dict[str, str]]] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            matchers = re.findall(r'(\w+)(?:=~|!~|!=|=)"((?:[^"\\]|\\.)*)"', str(node.matchers))
            found.append((str(node.name), dict(matchers)))

    promql_parser.walk(promql_parser.parse(expr), visit)
    yield from found


def grouping(expr: str) -> set[str]:
    """Return the labels that an expression sums by or matches on."""
    lists = re.findall(r"\b(?:by|on|without|ignoring) \(([\w, ]*)\)", expr)
    return {label.strip() for each in lists for label in each.split(",") if label.strip()}
