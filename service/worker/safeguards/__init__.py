"""Safeguards against harm: inputs that jobs overwrite, and sources that kill children.

Knows nothing about how jobs are rendered.
"""

from service.worker.safeguards.identity import sha256_of
from service.worker.safeguards.in_place import InPlace
from service.worker.safeguards.quarantine import SourceQuarantine

__all__ = ["InPlace", "SourceQuarantine", "sha256_of"]
