"""Places in the line of those who wait for a child."""

from service.sandbox.parent.admission.turns import CREDIT, Turns


def order(turns: Turns, owners: str) -> str:
    """Let owners come one after the other, and serve all of them."""
    places = [turns.next_place(owner, alone=not at) for at, owner in enumerate(owners)]
    line = sorted(zip(places, range(len(owners)), owners, strict=True))
    for place, _, _ in line:
        turns.serve(place)
    return "".join(owner for _, _, owner in line)


def test_each_owner_is_served_first_come_first_served() -> None:
    assert order(Turns(), "aaaa") == "aaaa"


def test_who_was_not_served_for_a_while_goes_first_for_some_turns() -> None:
    turns = Turns()
    order(turns, 20 * "a")
    assert order(turns, 20 * "a" + "bb") == "bb" + 20 * "a"
    order(turns, 20 * "a")
    mixed = order(turns, 20 * "a" + 20 * "b")
    first = len(mixed) - len(mixed.lstrip("b"))
    assert CREDIT <= first <= CREDIT + 2
    assert mixed[first:].startswith("abab")


def test_who_has_used_the_credit_up_takes_turns_until_others_were_served() -> None:
    turns = Turns()
    order(turns, 20 * "a")
    order(turns, "a" + (CREDIT + 2) * "b")
    assert order(turns, "aaabbb") == "ababab"


def test_who_could_be_unknown_is_forgotten() -> None:
    turns = Turns()
    order(turns, "bcd")
    order(turns, 20 * "a")
    order(turns, "a")
    assert set(turns._next_places) == {"a"}
