"""Callbacks: check where they go, wait their turn, sign, send, back off.

Knows nothing of rendering.
"""

from service.callbacks.address_guard import AddressGuard, AddressRefused
from service.callbacks.sender import Sender, send_safely
from service.callbacks.thread import CallbackThread

__all__ = [
    "AddressGuard",
    "AddressRefused",
    "CallbackThread",
    "Sender",
    "send_safely",
]
