"""The pages of docs/, taken apart: sections, tables, blocks of code."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")]
API = (ROOT / "docs" / "api.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()

Row = dict[str, str]


def section(title: str) -> str:
    """Return what stands in api.md under a heading, down to the next one of its rank or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$", API, re.MULTILINE)
    assert found, f"no heading {title!r}"
    rest = API[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def tables(text: str) -> Iterator[list[Row]]:
    """Yield the rows of every table, by the names of their columns."""
    for block in re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE):
        head, _, *rows = map(_cells, block.splitlines())
        yield [dict(zip(head, row, strict=True)) for row in rows]


def rows(text: str, column: str) -> dict[str, Row]:
    """Return the rows of the tables that have this column, by what stands in it."""
    found = [row for table in tables(text) for row in table if column in row]
    return {row[column].strip("`"): row for row in found}


def blocks(language: str, text: str = API) -> list[str]:
    """Return the blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]
