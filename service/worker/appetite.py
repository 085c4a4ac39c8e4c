"""How many processes a worker has in hand: enough that no child waits, few enough to share."""

BASE = 2  # for each child: one renders while another is fetched or published
MOST = 16  # for each child
AHEAD_SECONDS = 0.05  # of rendering for each child, claimed in advance
WEIGHT = 0.1  # of the newest work in the average


class Appetite:
    """Grows with the speed of the children, so that quick work is claimed many at a time."""

    def __init__(self, children: int) -> None:
        self._children = children
        self._seconds = AHEAD_SECONDS  # that a work takes, on average

    def note(self, seconds: float) -> None:
        """Note how long a child worked on something."""
        self._seconds += WEIGHT * (seconds - self._seconds)

    @property
    def base(self) -> int:
        """How many are in hand at least while there is work; more are there in advance."""
        return BASE * self._children

    def room(self) -> tuple[int, int]:
        """Tell how many may be in hand, and how many of them are claimed at once, at least."""
        ahead = int(AHEAD_SECONDS / max(self._seconds, 1e-6))
        most = self._children * min(MOST, BASE + max(0, ahead - 1))
        return most, max(1, (most - self.base) // 2)
