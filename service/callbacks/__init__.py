"""Callbacks: sign, guard, send, back off.

Knows nothing of rendering.
"""

from service.callbacks.sender import Sender, send_safely

__all__ = ["Sender", "send_safely"]
