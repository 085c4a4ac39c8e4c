"""Layers made ready, kept across batches: a shop's watermark is prepared once, not each time."""

from collections import OrderedDict
from hashlib import blake2b
from threading import Lock

from msgspec.structs import replace

from engine.ir import Layer, Letters
from engine.sources import Source
from engine.vips import Ink

Key = tuple[bytes, Layer | Letters]
MOST_BYTES = 32 * 1024 * 1024


class KeptLayers:
    """A bounded store of layers; the one that was asked for longest ago goes first.

    A picture's layer is known by its bytes, whatever it is called, so a changed watermark
    is another one.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._inks: OrderedDict[Key, Ink] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> Ink | None:
        """Give a layer that is kept, or None."""
        with self._lock:
            if key in self._inks:
                self._inks.move_to_end(key)
            return self._inks.get(key)

    def put(self, key: Key, ink: Ink) -> None:
        """Keep a layer, unless it is too large to be worth the others."""
        size = _size(ink)
        if size > self.most_bytes // 4:
            return
        with self._lock:
            if key not in self._inks:
                self._inks[key] = ink
                self.bytes += size
            while self.bytes > self.most_bytes:
                self.bytes -= _size(self._inks.popitem(last=False)[1])

    def __len__(self) -> int:
        return len(self._inks)


def key_of(layer: Layer | Letters, source: Source | None) -> Key:
    """Name a layer by what it is made of."""
    if source is None or isinstance(layer, Letters):
        return b"", layer
    return blake2b(source.data, digest_size=20).digest(), replace(layer, source="")


def _size(ink: Ink) -> int:
    return int(ink.image.width * ink.image.height * ink.image.bands)


KEPT = KeptLayers()
