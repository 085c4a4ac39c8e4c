"""Caches prepared layers across batches: a shop's watermark is prepared once, not each time."""

from hashlib import blake2b

from msgspec.structs import replace

from engine.ir import ImageLayer, TextLayer
from engine.lru_cache import LruCache
from engine.sources import Source
from engine.vips import Ink

Key = tuple[bytes, ImageLayer | TextLayer]
MAX_BYTES = 32 * 1024 * 1024

LAYER_CACHE: LruCache[Key, Ink] = LruCache(MAX_BYTES)


def key_of(layer: ImageLayer | TextLayer, source: Source | None) -> Key:
    """Return the key of a layer: what it is made of.

    That of an image layer has a hash of its file's bytes instead of its name, so a changed
    watermark is another layer.
    """
    if source is None or isinstance(layer, TextLayer):
        return b"", layer
    return blake2b(source.data, digest_size=20).digest(), replace(layer, source="")


def size_of(ink: Ink) -> int:
    """Return the bytes of a layer's pixels."""
    return int(ink.image.width * ink.image.height * ink.image.bands)
