"""Errors as they cross the socket: written as plain text, read back as classes of the tree."""

from collections.abc import Iterator

from msgspec import Struct

from engine import errors
from engine.errors import DarkroomError

LONGEST = 2000  # characters of a message: for a person to read, and far below a packet

Plain = str | int | float | bool


class Fault(Struct, frozen=True):
    """An error as it travels: its class, its public words, and what else it knows."""

    kind: str
    message: str
    facts: dict[str, Plain]


def to_fault(error: DarkroomError) -> Fault:
    """Write an error down; attributes that are not plain values are left behind."""
    facts = {
        name: _cut(value) if isinstance(value, str) else value
        for name, value in vars(error).items()
        if isinstance(value, Plain)
    }
    return Fault(type(error).__name__, _cut(error.message), facts)


def to_error(fault: Fault) -> DarkroomError:
    """Make the error again, without its constructor: the words are composed already.

    Only the engine's own classes are known. A child that claims to have met another
    error, such as one of the service's, gets the root error.
    """
    kind = _KINDS.get(fault.kind, DarkroomError)
    error = kind.__new__(kind, fault.message)
    vars(error).update(fault.facts)
    return error


def _tree(kind: type[DarkroomError]) -> Iterator[type[DarkroomError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


_KINDS = {
    kind.__name__: kind for kind in _tree(DarkroomError) if kind.__module__ == errors.__name__
}
