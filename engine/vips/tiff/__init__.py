"""TIFF: libtiff unpacks strips and tiles; samples are interpreted here."""

from engine.vips.tiff.opening import open_tiff

__all__ = ["open_tiff"]
