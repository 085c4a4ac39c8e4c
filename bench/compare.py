"""How far two images are from each other."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SAME = 99.0  # dB; what equal images get, and the most that any get


def psnr(one: Path, other: Path) -> float:
    """Return the peak signal-to-noise ratio in dB, of images flattened onto white.

    Where sizes differ by a pixel or two, which rivals round differently, the common middle is
    compared.
    """
    a, b = _on_white(one), _on_white(other)
    height, width = min(a.shape[0], b.shape[0]), min(a.shape[1], b.shape[1])
    error = _middle(a, height, width) - _middle(b, height, width)
    mean = float(np.mean(np.square(error)))
    return SAME if mean == 0 else min(SAME, 10 * float(np.log10(255**2 / mean)))


def _on_white(path: Path) -> NDArray[np.float32]:
    with Image.open(path) as image:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        return np.asarray(white.convert("RGB"), np.float32)


def _middle(image: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]
