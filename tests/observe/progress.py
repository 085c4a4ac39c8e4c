"""What a run has seen so far, kept in a file, so that one that was ended can go on."""

import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct, field

from tests.observe.rules import alerts
from tools.dashboards import BOARDS
from tools.dashboards.model import Panel


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {text}\n")
    sys.stdout.flush()


def queries() -> dict[str, list[str]]:
    """Give every expression of the panels, with the panels that show it."""
    found: dict[str, list[str]] = {}
    for board in BOARDS:
        for panel in board.panels:
            for query in panel.queries:
                found.setdefault(query.expr, []).append(_name(board.title, panel))
    return found


def _name(board: str, panel: Panel) -> str:
    return f"{board} › {panel.title}"


class Progress(Struct):
    """Alerts that have fired and resolved, by name with the seconds it took; panels with data."""

    fired: dict[str, float] = field(default_factory=dict)
    resolved: dict[str, float] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    @property
    def lacking(self) -> list[str]:
        """What is still to be seen, a line for each."""
        names = [alert.name for alert in alerts()]
        return [
            *(f"{name} has not fired" for name in names if name not in self.fired),
            *(f"{name} has not resolved" for name in names if name not in self.resolved),
            *(
                f"{', '.join(panels)} is empty: {expr}"
                for expr, panels in queries().items()
                if expr not in self.answered
            ),
            *self.notes,
        ]

    def line(self) -> str:
        """Sum it up."""
        count = len(alerts())
        return (
            f"{len(self.fired)} of {count} alerts fired, {len(self.resolved)} resolved; "
            f"{len(self.answered)} of {len(queries())} queries of panels answered"
        )

    def save(self, path: Path) -> None:
        """Write all of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def load_progress(path: Path) -> Progress:
    """Read what an earlier run has seen; raises ValueError if that is no such file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Progress)
    except FileNotFoundError:
        return Progress()
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: expected what an earlier run has written, {error}") from None
