"""One struct per transformation, by family; nothing here knows an image's size.

`TYPES` has them by their name in a request: a struct is known by being defined here.
"""

from typing import TYPE_CHECKING, Union

from engine.schema.transforms.base import (
    CropGravity,
    Degrees,
    Extent,
    Focus,
    Gap,
    Gravity,
    Margin,
    Opacity,
    Transform,
)
from engine.schema.transforms.colour import (
    Brightness,
    Colorize,
    Contrast,
    Gamma,
    Modulate,
    Normalize,
)
from engine.schema.transforms.filters import Blur, Enhance, Filter, FilterName, Pixelate, Sharpen
from engine.schema.transforms.geometry import (
    Crop,
    Direction,
    FitMethod,
    FitType,
    Flip,
    Pad,
    Resize,
    Rotate,
    Round,
    Trim,
    Ulb,
    Zoom,
)
from engine.schema.transforms.overlays import CONTROL, Align, Annotation, Blend, Watermark

TYPES: dict[str, type[Transform]] = {
    kind.__name__.lower(): kind
    for kind in sorted(Transform.__subclasses__(), key=lambda kind: kind.__name__)
}

if TYPE_CHECKING:
    Transformation = Transform
else:
    Transformation = Union[tuple(TYPES.values())]  # noqa: UP007 - made of what is known

__all__ = [
    "CONTROL",
    "TYPES",
    "Align",
    "Annotation",
    "Blend",
    "Blur",
    "Brightness",
    "Colorize",
    "Contrast",
    "Crop",
    "CropGravity",
    "Degrees",
    "Direction",
    "Enhance",
    "Extent",
    "Filter",
    "FilterName",
    "FitMethod",
    "FitType",
    "Flip",
    "Focus",
    "Gamma",
    "Gap",
    "Gravity",
    "Margin",
    "Modulate",
    "Normalize",
    "Opacity",
    "Pad",
    "Pixelate",
    "Resize",
    "Rotate",
    "Round",
    "Sharpen",
    "Transform",
    "Transformation",
    "Trim",
    "Ulb",
    "Watermark",
    "Zoom",
]
