"""The interface of a renderer: the engine, or a stand-in in tests."""

from collections.abc import Callable, Generator, Mapping

from msgspec import Struct

from engine.errors import DarkroomError
from engine.limits import EngineLimits
from service.sandbox.protocol import ImageFacts, Summary


class Order(Struct, frozen=True, kw_only=True):
    """One work; the descriptors stay the child's to close."""

    source: int
    inputs: Mapping[str, int]
    jobs: tuple[bytes, ...]
    wanted: tuple[int, ...]
    limits: EngineLimits
    threads: int = 1
    admit: Callable[[int, float], None] = lambda _peak, _seconds: None
    """To be told the bytes of memory and the seconds of one core that the work is predicted to
    take; what it raises ends it."""


class EncodedImage(ImageFacts, frozen=True, kw_only=True):
    """One encoded output, still in the child's own memory."""

    data: bytes


Answers = Generator[tuple[int, EncodedImage | DarkroomError], None, Summary]

Renderer = Callable[[Order], Answers]
"""Gives each job's index and answer as soon as it is ready, then the work's figures.

A DarkroomError that it raises is the answer to all jobs that have none yet.
"""
