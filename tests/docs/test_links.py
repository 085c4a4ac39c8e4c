"""Every link of every page leads somewhere: to a file, and to a heading of it."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.docs.pages import PAGES, ROOT


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file and the anchor of each link of a page that stays in the repository."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        name, _, anchor = target.partition("#")
        yield (page.parent / name if name else page), anchor


@cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_link_leads_somewhere() -> None:
    found = [(page, *link) for page in PAGES for link in links(page)]
    assert len(found) > 80
    for page, target, anchor in found:
        assert target.exists(), f"{page}: {target}"
        assert not anchor or anchor in anchors(target), f"{page}: {target}#{anchor}"


def test_every_page_of_the_documentation_is_linked_from_the_readme() -> None:
    linked = {target.resolve() for target, _ in links(ROOT / "README.md")}
    assert set(ROOT.glob("docs/*.md")) <= linked


def test_the_index_of_decisions_has_each_with_its_title_and_result() -> None:
    folder = ROOT / "docs/decisions"
    rows = re.findall(
        r"^\| \[(\d{4})\]\((.+?)\) (.+?) \| .+ \|$", (folder / "README.md").read_text(), re.M
    )
    pages = sorted(folder.glob("[0-9]*.md"))
    titles = [page.read_text().split("\n", 1)[0] for page in pages]
    assert [(name, f"# {number}: {title}") for number, name, title in rows] == [
        (page.name, title) for page, title in zip(pages, titles, strict=True)
    ]
