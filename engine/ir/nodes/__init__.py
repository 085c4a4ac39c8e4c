"""The nodes of a plan, by family: each is one operation with its parameters and output frame.

What all nodes have in common is described in `engine.ir.plan.Node`.
"""

from engine.ir.nodes.colour import (
    CLEAR,
    RGBA,
    WHITE,
    Clamp,
    Flatten,
    Luma,
    Matrix,
    Premultiply,
    RoundCorners,
    Table,
    Tint,
    Toned,
    ToSrgb,
    Unpremultiply,
)
from engine.ir.nodes.filters import Blur, Convolve, Enhance, Mask, SelectiveBlur, Sharpen
from engine.ir.nodes.geometry import (
    Canvas,
    Crop,
    Decode,
    Enlarge,
    Orient,
    Pixelate,
    Resample,
    Rotate,
)
from engine.ir.nodes.overlays import ImageLayer, Overlay, TextLayer

__all__ = [
    "CLEAR",
    "RGBA",
    "WHITE",
    "Blur",
    "Canvas",
    "Clamp",
    "Convolve",
    "Crop",
    "Decode",
    "Enhance",
    "Enlarge",
    "Flatten",
    "ImageLayer",
    "Luma",
    "Mask",
    "Matrix",
    "Orient",
    "Overlay",
    "Pixelate",
    "Premultiply",
    "Resample",
    "Rotate",
    "RoundCorners",
    "SelectiveBlur",
    "Sharpen",
    "Table",
    "TextLayer",
    "Tint",
    "ToSrgb",
    "Toned",
    "Unpremultiply",
]
