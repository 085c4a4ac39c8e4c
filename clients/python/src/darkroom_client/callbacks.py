"""Callbacks: whether one is from Darkroom, and what it says."""

from collections.abc import Mapping

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from darkroom_client.types import ProcessStatus


def read_callback(secret: str, headers: Mapping[str, str], body: bytes) -> ProcessStatus | None:
    """Return the status that a callback tells, or None if it is not from Darkroom.

    `secret` is the webhook secret of your service; `body` are the bytes as they came. A callback
    whose time is more than five minutes away is not accepted.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        Webhook(secret).verify(body, lower)
    except WebhookVerificationError:
        return None
    return msgspec.json.decode(body, type=ProcessStatus)
