"""Requests to a child that explains batches, and its answers; both travel as JSON."""

from collections.abc import Mapping

from msgspec import Raw, Struct

from engine.explain import Explanation, Refusal
from engine.sources import Piece


class KnownRanges(Struct, frozen=True):
    """A file of `size` bytes, and the ranges of it that have been read."""

    size: int
    pieces: tuple[Piece, ...]


class Question(Struct, frozen=True):
    """A batch to explain; `refused` are the watermarks that cannot be read, with their errors."""

    jobs: tuple[Raw, ...]
    source: KnownRanges
    inputs: Mapping[str, KnownRanges]
    refused: Mapping[str, Refusal]


class Explained(Struct, frozen=True, tag=True):
    """The explanation."""

    explanation: Explanation


class MissingRanges(Struct, frozen=True, tag=True):
    """The ranges that are needed next: of the source, and of watermarks by their keys."""

    source: Piece | None
    inputs: Mapping[str, Piece]


Answer = Explained | MissingRanges
