"""Paints a text layer: box, stroke and letters, rotated and with opacity."""

from engine.geometry import Size, rotated_canvas
from engine.ir import RGBA, TextLayer
from engine.text.draw import draw
from engine.text.stroke import stroked
from engine.vips import Image, Ink, black, faded, in_bytes, laid_over, rotated


def painted(layer: TextLayer) -> Ink | None:
    """Paint a layer in memory as RGBA, its place that within `layer.placed`.

    None if the text has no ink.
    """
    letters = draw(layer)
    if letters is None:
        return None
    ink = _moved(_coloured(letters, layer.colour), layer.padding)
    if layer.stroke_width > 0:
        stroke = _coloured(stroked(letters, layer.stroke_width), layer.stroke)
        ink = _over(_moved(stroke, layer.padding), ink)
    if layer.ground[3] > 0:
        box = Ink(black(*layer.padded).invert(), 0, 0)
        ink = _over(_coloured(box, layer.ground), ink)
    if layer.degrees:
        ink = _turned(ink, layer)
    image = faded(ink.image, layer.opacity) if layer.opacity < 1 else ink.image
    return ink._replace(image=image.copy_memory())


def _coloured(ink: Ink, colour: RGBA) -> Ink:
    *colours, alpha = colour
    cover = ink.image if alpha == 255 else in_bytes(ink.image * (alpha / 255))
    flat = cover.new_from_image(colours).copy(interpretation="srgb")
    return ink._replace(image=flat.bandjoin(cover))


def _moved(ink: Ink, distance: int) -> Ink:
    return ink._replace(left=ink.left + distance, top=ink.top + distance)


def _over(under: Ink, over: Ink) -> Ink:
    """Lay one ink over another, as large as both."""
    left, top = min(under.left, over.left), min(under.top, over.top)
    right, bottom = (max(a, b) for a, b in zip(under.end, over.end, strict=True))
    whole = Size(right - left, bottom - top)
    under_image, over_image = (_on_canvas(ink, left, top, whole) for ink in (under, over))
    return Ink(laid_over(under_image, over_image), left, top)


def _turned(ink: Ink, layer: TextLayer) -> Ink:
    """Rotate ink about the centre of the box, on a canvas that has the same centre."""
    box = layer.padded
    across = max(0, -ink.left, ink.end[0] - box.width)
    down = max(0, -ink.top, ink.end[1] - box.height)
    whole = Size(box.width + 2 * across, box.height + 2 * down)
    image = _on_canvas(ink, -across, -down, whole)
    canvas, placed = rotated_canvas(whole, layer.degrees), layer.placed
    canvas = Size(*(side + (side - own) % 2 for side, own in zip(canvas, placed, strict=True)))
    if layer.degrees % 90 == 0:
        turned = image.rot(f"d{round(layer.degrees)}")
    else:
        turned = rotated(in_bytes(image.premultiply()), layer.degrees, canvas, [0, 0, 0, 0])
        turned = in_bytes(turned.unpremultiply())
    left, top = ((own - side) // 2 for side, own in zip(canvas, placed, strict=True))
    return Ink(turned, left, top)


def _on_canvas(ink: Ink, left: int, top: int, size: Size) -> Image:
    """Put ink on a transparent canvas whose corner is at a place."""
    return ink.image.embed(ink.left - left, ink.top - top, *size).copy_memory()
