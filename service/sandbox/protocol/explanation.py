"""Requests to a child that explains batches, and its answers; both travel as JSON."""

from collections.abc import Mapping

from msgspec import Raw, Struct

from engine.explain import Explanation, Refusal
from engine.sources import Piece


class Gathered(Struct, frozen=True):
    """What is at hand of a file of `size` bytes."""

    size: int
    pieces: tuple[Piece, ...]


class Question(Struct, frozen=True):
    """A batch; `refused` are the files beside the source that cannot be had."""

    jobs: tuple[Raw, ...]
    source: Gathered
    inputs: Mapping[str, Gathered]
    refused: Mapping[str, Refusal]


class Told(Struct, frozen=True, tag=True):
    """The explanation."""

    explanation: Explanation


class Wanting(Struct, frozen=True, tag=True):
    """What more is needed: of the source, of the other files by their keys."""

    source: Piece | None
    inputs: Mapping[str, Piece]


Answer = Told | Wanting
