"""Callbacks: check the address, wait for a slot, sign, send, back off.

Knows nothing about rendering.
"""

from service.callbacks.exchange import callback_guard
from service.callbacks.sender import Sender, send_safely
from service.callbacks.thread import CallbackThread

__all__ = [
    "CallbackThread",
    "Sender",
    "callback_guard",
    "send_safely",
]
