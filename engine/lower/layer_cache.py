"""Caches prepared layers across batches: a shop's watermark is prepared once, not each time."""

from collections import OrderedDict
from hashlib import blake2b
from threading import Lock

from msgspec.structs import replace

from engine.ir import ImageLayer, TextLayer
from engine.sources import Source
from engine.vips import Ink

Key = tuple[bytes, ImageLayer | TextLayer]
MAX_BYTES = 32 * 1024 * 1024


class LayerCache:
    """A bounded cache of layers; the least recently used one is evicted first.

    The key of an image layer has a hash of its file's bytes instead of its name, so a changed
    watermark is another layer.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._inks: OrderedDict[Key, Ink] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> Ink | None:
        """Return a layer that is cached, or None."""
        with self._lock:
            if key in self._inks:
                self._inks.move_to_end(key)
            return self._inks.get(key)

    def put(self, key: Key, ink: Ink) -> None:
        """Cache a layer, unless it would evict too many others."""
        size = _size(ink)
        if size > self.max_bytes // 4:
            return
        with self._lock:
            if key not in self._inks:
                self._inks[key] = ink
                self.bytes += size
            while self.bytes > self.max_bytes:
                self.bytes -= _size(self._inks.popitem(last=False)[1])

    def __len__(self) -> int:
        return len(self._inks)


def key_of(layer: ImageLayer | TextLayer, source: Source | None) -> Key:
    """Return the key of a layer: what it is made of."""
    if source is None or isinstance(layer, TextLayer):
        return b"", layer
    return blake2b(source.data, digest_size=20).digest(), replace(layer, source="")


def _size(ink: Ink) -> int:
    return int(ink.image.width * ink.image.height * ink.image.bands)


LAYER_CACHE = LayerCache()
