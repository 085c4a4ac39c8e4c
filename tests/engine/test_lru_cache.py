"""The cache that plans and layers are kept in."""

from engine.lru_cache import LruCache


def test_the_longest_unused_goes_first() -> None:
    kept: LruCache[str, str] = LruCache(max_bytes=100)
    for name in "abcd":
        kept.put(name, name.upper(), 25)
    assert kept.get("a") == "A"
    kept.put("e", "E", 25)
    assert kept.get("b") is None
    assert kept.get("a") == "A"
    assert (len(kept), kept.bytes) == (4, 100)


def test_what_is_too_large_is_not_kept() -> None:
    kept: LruCache[str, str] = LruCache(max_bytes=100)
    kept.put("a", "A", 26)
    assert (len(kept), kept.bytes) == (0, 0)


def test_the_same_twice_counts_once() -> None:
    kept: LruCache[str, str] = LruCache(max_bytes=100)
    for _ in range(2):
        kept.put("a", "A", 20)
    assert (len(kept), kept.bytes) == (1, 20)
