"""Pixels in memory, row after row without padding."""

from collections.abc import Callable
from threading import Lock
from typing import Self, cast

import engine.raster.environment  # noqa: F401  # isort: skip - numpy's library reads it
import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.geometry import Box
from engine.raster.buffers import blank_bytes, writable

STEPS = {3: 4}  # bytes from one pixel to the next, where they are more than there are bands


class Gauge:
    """How many rasters this process has made, and how many bytes they have and had at most."""

    def __init__(self) -> None:
        self.made = self.now = self.most = 0
        self._lock = Lock()

    def add(self, count: int) -> None:
        """Count bytes in, or out if it is negative."""
        with self._lock:
            self.made += count > 0
            self.now += count
            self.most = max(self.most, self.now)


GAUGE = Gauge()


class Raster:
    """An image of 8 bits with 1 to 4 bands, which nobody changes.

    Pixels of three bands are four bytes apart, as the scaler takes them; the fourth says nothing.
    """

    __slots__ = ("bands", "height", "pixels", "width")

    def __init__(self, width: int, height: int, bands: int, pixels: memoryview) -> None:
        """Take `pixels`, contiguous bytes with the top row first."""
        self.width = width
        self.height = height
        self.bands = bands
        self.pixels = pixels
        GAUGE.add(self.size)

    def __del__(self) -> None:
        GAUGE.add(-self.size)

    @classmethod
    def blank(cls, width: int, height: int, bands: int) -> Self:
        """Give one whose pixels are still to be written, by who made it."""
        return cls(width, height, bands, memoryview(blank_bytes(width * height * step_of(bands))))

    @property
    def step(self) -> int:
        """How many bytes it is from one pixel to the next."""
        return step_of(self.bands)

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.width * self.height * self.step

    @property
    def packed(self) -> memoryview:
        """The bytes of its bands alone, copied if there is anything between them."""
        if self.step == self.bands:
            return self.pixels
        made = np.empty((self.height, self.width, self.bands), np.uint8)
        for band in range(self.bands):  # an eighth of the time that all at once would take
            made[:, :, band] = self.array[:, :, band]
        return made.data.cast("B")

    def shown_as(self, mode: str) -> Image.Image:
        """Give the pixels to Pillow where they are, by its name for what they are."""
        buffer = cast("bytes", self.pixels)  # it takes every buffer, whatever it says
        return Image.frombuffer(mode, (self.width, self.height), buffer, "raw", mode, 0, 1)

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        """The pixels as rows, columns and bands, without a copy."""
        every = np.frombuffer(self.pixels, np.uint8).reshape(self.height, self.width, self.step)
        return every[:, :, : self.bands]

    @classmethod
    def filled(cls, width: int, height: int, pixel: bytes) -> Self:
        """Give one of a single colour."""
        bands = len(pixel)
        return cls(width, height, bands, memoryview(pixel.ljust(step_of(bands)) * (width * height)))

    def paste(self, other: "Raster", left: int, top: int) -> "Raster":
        """Copy with another laid over it, which has as many bands and lies inside."""
        return self._copy_with(Box(left, top, other.width, other.height), other)

    def repaint(self, box: Box, paint: "Callable[[Raster], Raster]") -> "Raster":
        """Copy with a window made anew: `paint` is given it, and gives another of its size."""
        return self._copy_with(box, paint(self.crop(*box)))

    def _copy_with(self, box: Box, window: "Raster") -> "Raster":
        copied = self.pixels.tobytes()
        rows = memoryview(writable(copied)).cast("B")
        row, length = self.width * self.step, box.width * self.step
        at = box.top * row + box.left * self.step
        for start in range(0, len(window.pixels), length):
            rows[at : at + length] = window.pixels[start : start + length]
            at += row
        return Raster(self.width, self.height, self.bands, memoryview(copied))

    def crop(self, left: int, top: int, width: int, height: int) -> "Raster":
        """Copy a window that lies inside."""
        row, at = self.width * self.step, left * self.step
        rows = self.pixels[top * row : (top + height) * row]
        if width < self.width:
            kept = (rows[y + at : y + at + width * self.step] for y in range(0, len(rows), row))
            rows = memoryview(b"".join(kept))
        return Raster(width, height, self.bands, rows)


def step_of(bands: int) -> int:
    """Return how many bytes it is from one pixel to the next in a raster of so many bands."""
    return STEPS.get(bands, bands)
