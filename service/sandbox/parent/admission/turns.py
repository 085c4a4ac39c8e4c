"""Places in a line in which owners take turns, and each is served first come first served."""


class Turns:
    """Gives places; the least goes first."""

    def __init__(self) -> None:
        self._place = 0.0  # of who was served last
        self._next_places: dict[str, float] = {}  # of each owner's next turn

    def next_place(self, owner: str, *, alone: bool) -> float:
        """Give a place behind the owner's others, and beside the first of everybody else.

        Who is `alone` in the line begins anew.
        """
        if alone:
            self._next_places.clear()
        place = max(self._place, self._next_places.get(owner, 0.0))
        self._next_places[owner] = place + 1
        return place

    def serve(self, place: float) -> None:
        """Note that this place was served."""
        self._place = max(self._place, place)
