"""Reads the named statements of `sql/`: ``-- name: claim`` starts the one called claim."""

import re
from functools import cache
from importlib.resources import files

NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def queries() -> dict[str, str]:
    """Every statement of every file, by name; a name that stands twice is an error."""
    found: dict[str, str] = {}
    for file in files("service.store").joinpath("sql").iterdir():
        _, *parts = NAME.split(file.read_text(encoding="utf-8"))
        for name, statement in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"two statements are called {name}")
            found[name] = statement.strip()
    return found


def sql(name: str) -> str:
    """Return the statement of that name."""
    return queries()[name]
