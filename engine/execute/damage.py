"""Finds out which image of a job is damaged, after an error or a warning of libvips."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from engine.errors import DarkroomError, SourceCorrupt
from engine.ir import Decode, ImageLayer, Overlay, Plan
from engine.lower import LoweringContext
from engine.sources import Facts, Source, SourceFormat, damage_in
from engine.vips import binding, lacks_pixels, listening, load


class Reading(NamedTuple):
    """An image that a plan reads: the source if `key` is empty, and how many of its frames."""

    key: str
    facts: Facts
    pages: int = 1


class DamageFinder:
    """Looks for damage in the images of a batch; each is decoded once for that.

    A job's own reading only raises a suspicion, for a pipeline has many images, and warnings
    come when one is let go of. What counts is what the image says when it is read alone, as
    many frames of it as the job reads: so a job's outcome is its own, whatever ran before.
    """

    def __init__(self, context: LoweringContext, facts: Facts) -> None:
        self._context = context
        self._facts = facts
        self._damage: dict[tuple[str, int], SourceCorrupt | None] = {}
        self._lacking: dict[tuple[str, int], bool] = {}

    @contextmanager
    def attributing_errors(self, plan: Plan) -> Iterator[list[str]]:
        """Give libvips' warnings; raise the error of the image that made a plan fail."""
        with listening() as warnings:
            try:
                with binding.render_errors():
                    yield warnings
            except DarkroomError as error:
                raise (self.damage(plan) or error) from None

    def suspects(self, plan: Plan, warnings: Sequence[str]) -> bool:
        """Return whether anything speaks of damage in what was made."""
        return (
            damage_in(self._facts.format, warnings) is not None
            or any(layer in self._context.suspect for layer in _layers(plan))
            or any(each.facts.damaged or self._lacks(each) for each in self._readings(plan))
        )

    def damage(self, plan: Plan) -> SourceCorrupt | None:
        """Find the first image that is damaged among those that a plan reads."""
        return next(filter(None, map(self._damage_of, self._readings(plan))), None)

    def _readings(self, plan: Plan) -> Iterator[Reading]:
        decode = plan.nodes[0]
        yield Reading("", self._facts, decode.pages if isinstance(decode, Decode) else 1)
        for layer in _layers(plan):
            yield Reading(layer.source, layer.facts)

    def _damage_of(self, reading: Reading) -> SourceCorrupt | None:
        place = reading.key, reading.pages
        if place not in self._damage:
            found = self._look_at(reading)
            words = f"{reading.key}: {found}" if reading.key else found
            self._damage[place] = SourceCorrupt(words) if found else None
        return self._damage[place]

    def _look_at(self, reading: Reading) -> str | None:
        """Decode an image and keep nothing but what is wrong with it."""
        _, facts, pages = reading
        if facts.damaged:
            return facts.damaged
        try:
            with listening() as warnings:
                binding.drain(load(self._source(reading), facts.format, pages=pages))
        except SourceCorrupt as error:
            return error.message
        found = damage_in(facts.format, warnings)
        if found is None and self._lacks(reading):
            found = "a frame's data end before its last pixel"
        return f"the image is damaged: {found}" if found else None

    def _lacks(self, reading: Reading) -> bool:
        """Look for pixels that a GIF has no data for, of which nothing warns."""
        if reading.facts.format is not SourceFormat.GIF:
            return False
        place = reading.key, reading.pages
        if place not in self._lacking:
            self._lacking[place] = lacks_pixels(self._source(reading), reading.pages)
        return self._lacking[place]

    def _source(self, reading: Reading) -> Source:
        return self._context.inputs[reading.key] if reading.key else self._context.source


def _layers(plan: Plan) -> Iterator[ImageLayer]:
    """List the images that a plan lays over the source."""
    for node in plan.nodes:
        if isinstance(node, Overlay) and isinstance(node.layer, ImageLayer):
            yield node.layer
