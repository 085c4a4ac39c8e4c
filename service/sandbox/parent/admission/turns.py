"""Places in a line in which owners take turns, and each is served first come first served.

An owner of whom nothing was served for a while goes first for a few turns, as in the queue that
works come from: a few works do not wait for what another owner has had brought here in advance.
"""

CREDIT = 8  # turns that an owner may catch up on


class Turns:
    """Gives places; the least goes first."""

    def __init__(self) -> None:
        self._place = 0.0  # of who was served last
        self._next_places: dict[str, float] = {}  # of each owner's next turn

    def next_place(self, owner: str, *, alone: bool) -> float:
        """Give a place behind the owner's others, and up to `CREDIT` before the first.

        Who is `alone` in the line has no credit.
        """
        least = self._place - CREDIT
        if alone:
            known = self._next_places.items()
            self._next_places = {each: place for each, place in known if place > least}
            least = self._place
        place = max(least, self._next_places.get(owner, least))
        self._next_places[owner] = place + 1
        return place

    def serve(self, place: float) -> None:
        """Note that this place was served."""
        self._place = max(self._place, place)
