"""Nodes that draw a layer over the image, and the layers."""

# ruff: noqa: D102 - frame, access, halo and detail are described once, in Node

from msgspec import Struct

from engine.geometry import Size, rotated_canvas
from engine.ir.nodes.colour import CLEAR, RGBA, hexadecimal
from engine.ir.plan import Frame, Node, frames_of
from engine.schema import Blend
from engine.sources import Facts


class ImageLayer(Struct, frozen=True, tag=True):
    """Another image to be drawn over this one: its nodes, from decoding on.

    `opacity` is from 0 to 1.
    """

    source: str
    facts: Facts
    nodes: tuple[Node, ...]
    opacity: float = 1

    @property
    def frame(self) -> Frame:
        """Its frame after the last node."""
        return frames_of(self.facts, self.nodes)[-1]

    def __str__(self) -> str:
        return f"{self.source} {self.frame}{_share(self.opacity)}"


class TextLayer(Struct, frozen=True, tag=True):
    """Lines of text; `size` is the em in pixels.

    `fonts` are the requested one, then the fallback fonts that are needed.
    `width` and `height` are those of the logical box, divided evenly among the lines; each
    begins at its place in `lefts`, or all at 0, and `leading` pixels below its share.
    `ground` lies under the text, as far as the box and `padding` around it. A stroke of
    `stroke_width` is around the letters. All of it is rotated clockwise about the box's centre,
    then given a share of its opacity.
    """

    lines: tuple[str, ...]
    fonts: tuple[str, ...]
    size: float
    colour: RGBA
    width: int
    height: int
    lefts: tuple[int, ...] = ()
    leading: int = 0
    ground: RGBA = CLEAR
    padding: int = 0
    stroke: RGBA = CLEAR
    stroke_width: float = 0
    degrees: float = 0
    opacity: float = 1

    @property
    def padded(self) -> Size:
        """The size of the box with what is around it."""
        return Size(self.width + 2 * self.padding, self.height + 2 * self.padding)

    @property
    def placed(self) -> Size:
        """The size of what is placed: the padded box, rotated."""
        return rotated_canvas(self.padded, self.degrees)

    @property
    def drawn(self) -> Size:
        """The size of what is drawn, as far as it is known without drawing."""
        wide, high = self.padded
        around = 2 * round(max(0, self.stroke_width - self.padding))
        return rotated_canvas(Size(wide + around, high + around), self.degrees)

    def __str__(self) -> str:
        text = " / ".join(self.lines)
        short = text if len(text) <= 20 else f"{text[:19]}…"
        ground = f" on {hexadecimal(self.ground)}" if self.ground[3] else ""
        stroke = f" in {hexadecimal(self.stroke)}" if self.stroke_width else ""
        turned = f" {self.degrees:g}°" if self.degrees else ""
        face = f'"{short}" {" + ".join(self.fonts)} {self.size:g} {hexadecimal(self.colour)}'
        return f"{face}{stroke}{ground}{turned}{_share(self.opacity)}"


class Overlay(Node, frozen=True):
    """Draw an image or text over this one, its corner at `left`, `top`; clipped to it.

    With a `step` it is repeated in all directions, from corner to corner by so much.
    """

    layer: ImageLayer | TextLayer
    left: int
    top: int
    blend: Blend = Blend.OVER
    step: Size | None = None

    @property
    def detail(self) -> str:
        blend = "" if self.blend is Blend.OVER else f", {self.blend.value}"
        step = f" and every {self.step}" if self.step else ""
        return f"{self.layer} at {self.left:+d}{self.top:+d}{step}{blend}"


def _share(opacity: float) -> str:
    return "" if opacity == 1 else f" {100 * opacity:g} %"
