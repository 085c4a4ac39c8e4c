"""The nodes of a plan, by family: each one operation, with its parameters and its output frame.

What all nodes have in common is described in `engine.ir.plan.Node`.
"""

from engine.ir.nodes.colour import (
    RGBA,
    Clamp,
    Flatten,
    Luma,
    Premultiply,
    Table,
    Tint,
    Toned,
    ToSrgb,
    Unpremultiply,
)
from engine.ir.nodes.filters import Blur, Convolve, Enhance, Mask, SelectiveBlur
from engine.ir.nodes.geometry import Canvas, Crop, Decode, Orient, Resample, Rotate
from engine.ir.nodes.overlays import ImageLayer, Overlay, TextLayer

__all__ = [
    "RGBA",
    "Blur",
    "Canvas",
    "Clamp",
    "Convolve",
    "Crop",
    "Decode",
    "Enhance",
    "Flatten",
    "ImageLayer",
    "Luma",
    "Mask",
    "Orient",
    "Overlay",
    "Premultiply",
    "Resample",
    "Rotate",
    "SelectiveBlur",
    "Table",
    "TextLayer",
    "Tint",
    "ToSrgb",
    "Toned",
    "Unpremultiply",
]
