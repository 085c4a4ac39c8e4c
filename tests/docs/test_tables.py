"""No table of a page has a row twice, as pages that two people write at once come to have."""

import re
from collections import Counter

from tests.docs.pages import PAGES


def doubled(table: str) -> list[tuple[str, ...]]:
    """Return what rows begin with that begin alike; where that is a number, with their second."""
    cells = [
        [cell.strip() for cell in line.strip("| \n").split(" | ")] for line in table.splitlines()
    ]
    starts = Counter(tuple(row[: 2 if row[0].isdigit() else 1]) for row in cells)
    return [start for start, count in starts.items() if count > 1]


def test_no_row_is_there_twice() -> None:
    for page in PAGES:
        tables = re.findall(r"(?:^\|.*\n)+", page.read_text(), re.MULTILINE)
        assert [found for table in tables for found in doubled(table)] == [], page


def test_rows_that_are_there_twice_are_found() -> None:
    assert doubled("| a | b |\n| --- | --- |\n| `x` | 1 |\n| `x` | 2 |\n") == [("`x`",)]
    assert doubled("| 400 | x |\n| 400 | y |\n") == []
    assert doubled("| 400 | x | 1 |\n| 400 | x | 2 |\n") == [("400", "x")]
