"""Nodes that lay something over the image, and what is laid."""

# ruff: noqa: D102 - frame, access, halo and detail are described once, in Node

from msgspec import Struct

from engine.ir.nodes.colour import RGBA, hexadecimal
from engine.ir.plan import Frame, Node, frames_of
from engine.sources import Facts


class ImageLayer(Struct, frozen=True, tag=True):
    """Another image to be laid over this one: its nodes, from decoding on."""

    source: str
    facts: Facts
    nodes: tuple[Node, ...]

    @property
    def frame(self) -> Frame:
        """Its frame after the last node."""
        return frames_of(self.facts, self.nodes)[-1]

    def __str__(self) -> str:
        return f"{self.source} {self.frame}"


class TextLayer(Struct, frozen=True, tag=True):
    """Lines of text; `size` is the em in pixels.

    `fonts` are the requested one, then the fallback fonts that are needed.
    `width` and `height` are those of the logical box, divided evenly among the lines.
    """

    lines: tuple[str, ...]
    fonts: tuple[str, ...]
    size: float
    colour: RGBA
    width: int
    height: int

    def __str__(self) -> str:
        text = " / ".join(self.lines)
        short = text if len(text) <= 20 else f"{text[:19]}…"
        return f'"{short}" {" + ".join(self.fonts)} {self.size:g} {hexadecimal(self.colour)}'


class Overlay(Node, frozen=True):
    """Lay an image or text over this one, its corner at `left`, `top`; clipped to it."""

    layer: ImageLayer | TextLayer
    left: int
    top: int

    @property
    def detail(self) -> str:
        return f"{self.layer} at {self.left:+d}{self.top:+d}"
