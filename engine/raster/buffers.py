"""Bytes objects that are filled after they are created, so that nothing is cleared before.

A decoder and the scaler fill what they are given. Python's C API allows it: the contents of a new
`bytes` object are its maker's to write, until it is handed on (`PyBytes_FromStringAndSize`).
"""

import ctypes

LARGE = 1_000_000  # bytes; less is at hand anyway

_new_bytes = ctypes.pythonapi.PyBytes_FromStringAndSize
_new_bytes.restype, _new_bytes.argtypes = ctypes.py_object, (ctypes.c_char_p, ctypes.c_ssize_t)
_address_of = ctypes.pythonapi.PyBytes_AsString
_address_of.restype, _address_of.argtypes = ctypes.c_void_p, (ctypes.py_object,)


def blank_bytes(size: int) -> bytes:
    """Make bytes whose contents are still to be written, at least two of them."""
    made: bytes = _new_bytes(None, size)
    return made


def writable(blank: bytes) -> "ctypes.Array[ctypes.c_ubyte]":
    """Open bytes that were just made, and nobody else has, to whoever fills them."""
    return (ctypes.c_ubyte * len(blank)).from_address(_address_of(blank))


def require(size: int) -> None:
    """Raise MemoryError if so many bytes cannot be had; the scaler would end the process."""
    if size >= LARGE:
        blank_bytes(size)
