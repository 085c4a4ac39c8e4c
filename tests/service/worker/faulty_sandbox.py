"""Sandboxes whose children fail on demand."""

import sys
from pathlib import Path
from typing import Any

from service.sandbox.parent import Sandbox
from service.sandbox.protocol import ChildExit, Reason

FAULTY = (sys.executable, "-I", str(Path(__file__).with_name("faulty_child.py")))


class FaultySandbox(Sandbox):
    """Remembers how its children ended, too."""

    def __init__(self, slots: int | None = 1, **options: Any) -> None:
        self.exits: list[ChildExit] = []
        told = options.pop("on_exit", lambda _: None)

        def note(ended: ChildExit) -> None:
            if ended.reason is not Reason.OTHER_OWNER:  # each test has its own tenant
                self.exits.append(ended)
            told(ended)

        super().__init__(slots, **{**options, "command": FAULTY, "on_exit": note})

    def reasons(self) -> list[str]:
        """Return why children ended since this was asked last."""
        reasons = [ended.reason.value for ended in self.exits]
        self.exits.clear()
        return reasons
