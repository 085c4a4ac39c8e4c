"""Pixels in memory, row after row without padding."""

from collections.abc import Callable
from threading import Lock
from typing import Self

from cykooz_resizer import ImageData, PixelType

from engine.geometry import Box
from engine.raster.buffers import require, writable

KINDS = {1: PixelType.U8, 3: PixelType.U8x3, 4: PixelType.U8x4}  # by bands


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
    """An image of 8 bits with 1, 3 or 4 bands, which nobody changes.

    Its pixels are where they were made, in Python's memory or in the scaler's. They move there
    when it is scaled for the first time, and are copied out of it when they are asked for.
    """

    __slots__ = ("_data", "_pixels", "bands", "height", "width")

    def __init__(
        self,
        width: int,
        height: int,
        bands: int,
        pixels: memoryview | None = None,
        data: ImageData | None = None,
    ) -> None:
        """Take `pixels`, contiguous bytes, or the scaler's `data`."""
        self.width = width
        self.height = height
        self.bands = bands
        self._pixels = pixels
        self._data = data
        GAUGE.add(self.size)

    def __del__(self) -> None:
        GAUGE.add(-self.size)

    @classmethod
    def blank(cls, width: int, height: int, bands: int) -> Self:
        """Give one of the scaler's, to be scaled into."""
        require(width * height * bands)
        return cls(width, height, bands, data=ImageData(width, height, KINDS[bands]))

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.width * self.height * self.bands

    @property
    def pixels(self) -> memoryview:
        """The bytes, top row first."""
        pixels, data = self._pixels, self._data
        if pixels is None:
            assert data is not None  # noqa: S101 - it has one or the other
            pixels = self._pixels = memoryview(data.get_buffer())
        return pixels

    @property
    def data(self) -> ImageData:
        """The pixels as the scaler has them."""
        pixels, data = self._pixels, self._data
        if data is None:
            assert pixels is not None  # noqa: S101 - it has one or the other
            require(self.size)
            data = ImageData(self.width, self.height, KINDS[self.bands], _as_bytes(pixels))
            self._data, self._pixels = data, None
        return data

    @classmethod
    def filled(cls, width: int, height: int, pixel: bytes) -> Self:
        """Give one of a single colour."""
        return cls(width, height, len(pixel), memoryview(pixel * (width * height)))

    def paste(self, other: "Raster", left: int, top: int) -> "Raster":
        """Copy with another laid over it, which has as many bands and lies inside."""
        return self.repaint(Box(left, top, other.width, other.height), lambda _: other)

    def repaint(self, box: Box, paint: "Callable[[Raster], Raster]") -> "Raster":
        """Copy with a window made anew: `paint` is given it, and gives another of its size."""
        copied = self._copied()
        made = Raster(self.width, self.height, self.bands, memoryview(copied))
        painted = paint(made.crop(*box)).pixels
        rows = memoryview(writable(copied)).cast("B")
        row, length = self.width * self.bands, box.width * self.bands
        at = box.top * row + box.left * self.bands
        for start in range(0, len(painted), length):
            rows[at : at + length] = painted[start : start + length]
            at += row
        return made

    def _copied(self) -> bytes:
        """Give bytes that nobody else has."""
        pixels, data = self._pixels, self._data
        if pixels is not None:
            return pixels.tobytes()
        assert data is not None  # noqa: S101 - it has one or the other
        copied: bytes = data.get_buffer()
        return copied

    def crop(self, left: int, top: int, width: int, height: int) -> "Raster":
        """Copy a window that lies inside."""
        row, at = self.width * self.bands, left * self.bands
        rows = self.pixels[top * row : (top + height) * row]
        if width < self.width:
            kept = (rows[y + at : y + at + width * self.bands] for y in range(0, len(rows), row))
            rows = memoryview(b"".join(kept))
        return Raster(width, height, self.bands, rows)


def _as_bytes(pixels: memoryview) -> bytes:
    """Copy pixels, unless they are a whole `bytes` already."""
    whole = pixels.obj
    return whole if isinstance(whole, bytes) and len(whole) == pixels.nbytes else bytes(pixels)
