"""Tunes glibc's allocator for large images; other allocators are left alone."""

import ctypes

from engine.limits import LARGEST_KEPT_BUFFER

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
KEPT = 128 * 1024 * 1024  # free bytes that a process keeps
HEAPS = 1
OPTIONS = ((M_MMAP_THRESHOLD, LARGEST_KEPT_BUFFER), (M_TRIM_THRESHOLD, KEPT), (M_ARENA_MAX, HEAPS))


def keep_large_buffers() -> bool:
    """Let the next image have the memory of the last; False on another allocator.

    By default fresh pages are mapped for each, and the kernel clears every one of them; and
    each thread of libvips has a heap of its own, none of which gives way to another.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) for name, value in OPTIONS)
