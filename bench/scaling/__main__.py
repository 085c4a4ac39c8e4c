"""Simulate the plans of docs/scaling.md from what was measured, and write them: `make scaling`."""

import json
import re
from pathlib import Path

from bench.scaling.plans import CAPACITY, as_rows, read_costs, summary
from bench.tables import as_markdown

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
MARKED = re.compile(r"(<!-- plans:begin -->\n).*?(<!-- plans:end -->)", re.DOTALL)


def text() -> str:
    """Return the table and the sentences below it."""
    costs, told = read_costs(), json.loads(CAPACITY.read_text())
    sentences = "\n".join(f"- {each}" for each in summary(costs, told))
    return f"{as_markdown(as_rows(costs))}\n\n{sentences}\n"


def main() -> None:
    """Write the page."""
    page = PAGE.read_text()
    PAGE.write_text(MARKED.sub(lambda found: f"{found[1]}\n{text()}\n{found[2]}", page))


if __name__ == "__main__":
    main()
