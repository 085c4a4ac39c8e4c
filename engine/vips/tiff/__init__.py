"""TIFF: libtiff unpacks strips and tiles, what the samples mean is settled here."""

from engine.vips.tiff.opening import open_tiff

__all__ = ["open_tiff"]
