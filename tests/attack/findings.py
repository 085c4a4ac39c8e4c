"""What came of an attack of one kind."""

from dataclasses import dataclass, field

SHOWN = 10


@dataclass
class Findings:
    """How much was tried, and what broke a promise."""

    kind: str
    tried: int = 0
    breaches: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def breach(self, words: str) -> None:
        """Note that a promise was broken."""
        self.breaches.append(words)

    def lines(self) -> list[str]:
        """Sum it up."""
        shown = [f"  {words}" for words in self.breaches[:SHOWN]]
        notes = "; ".join(self.notes)
        return [f"{self.kind}: tried {self.tried}, breaches {len(self.breaches)} ({notes})", *shown]
