"""Signs callbacks according to Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``."""

import base64
import hashlib
import hmac


def sign(secrets: list[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the ``webhook-signature`` header: one signature for each active secret."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = [
        hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
        for secret in secrets
    ]
    return " ".join("v1," + base64.b64encode(digest).decode() for digest in digests)
