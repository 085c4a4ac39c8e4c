"""The fonts of the house: what may be asked for, and which family answers.

Every font that text can use lies in `FOLDER`, so that a picture comes out the same on every
machine. The families are metric twins of what clients ask for by habit.
"""

from pathlib import Path

FOLDER = Path(__file__).parent / "fonts"
CONFIGURATION = FOLDER / "fonts.conf"

FAMILIES = ("Liberation Sans", "Liberation Serif", "Liberation Mono")
ALIASES = {
    "Arial": "Liberation Sans",
    "Helvetica": "Liberation Sans",
    "Times": "Liberation Serif",
    "Times New Roman": "Liberation Serif",
    "Courier": "Liberation Mono",
    "Courier New": "Liberation Mono",
}
_BY_NAME = {name.casefold(): name for name in FAMILIES} | {
    name.casefold(): family for name, family in ALIASES.items()
}


def family_of(name: str) -> str | None:
    """Give the family that a name stands for, whatever its case; None for an unknown one."""
    return _BY_NAME.get(" ".join(name.casefold().split()))
