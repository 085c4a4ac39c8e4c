"""Describes an image: the placeholders and colours that a job asks for."""

import base64
from collections.abc import Collection

from engine.raster import environment  # noqa: F401  # isort: skip - numpy's library reads it
import numpy as np

from engine.describe.blurhash import blurhash
from engine.describe.colours import average, palette
from engine.describe.thumbhash import thumbhash
from engine.raster import Raster
from engine.schema import Description

SIDE = 100  # pixels at most: what ThumbHash takes


def describe(raster: Raster, wanted: Collection[str]) -> Description:
    """Describe an image of at most 100 × 100 pixels in 1 to 4 bands."""
    rows = raster.array
    colours = rows[:, :, :3] if raster.bands > 2 else np.repeat(rows[:, :, :1], 3, 2)
    alpha = rows[:, :, -1] if raster.bands in {2, 4} else np.full(rows.shape[:2], 255, np.uint8)
    rgba = np.dstack([colours, alpha]).astype(np.float64) / 255
    found = palette(rgba) if {"dominant", "palette"} & set(wanted) else ()
    return Description(
        thumbhash=base64.b64encode(thumbhash(rgba)).decode() if "thumbhash" in wanted else None,
        blurhash=blurhash(rgba) if "blurhash" in wanted else None,
        dominant=found[0] if found and "dominant" in wanted else None,
        average=average(rgba) if "average" in wanted else None,
        palette=(found or None) if "palette" in wanted else None,
    )
