"""A cache for the life of a process, bounded by the bytes of what it holds."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class LruCache(Generic[Key, Item]):
    """Holds at most `max_bytes`; the least recently used item is evicted first.

    Any thread may use it. Items are not None.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._items: OrderedDict[Key, tuple[Item, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> Item | None:
        """Return an item that is cached, or None."""
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def put(self, key: Key, item: Item, size: int) -> None:
        """Cache an item of `size` bytes, unless it would evict too many others."""
        if size > self.max_bytes // 4:
            return
        with self._lock:
            if key not in self._items:
                self._items[key] = item, size
                self.bytes += size
            while self.bytes > self.max_bytes:
                self.bytes -= self._items.popitem(last=False)[1][1]

    def __len__(self) -> int:
        return len(self._items)
