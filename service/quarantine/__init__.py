"""Quarantine: sources that have killed too many children, known by their bytes.

Knows nothing about how images are rendered, nor of who fetched them.
"""

from service.quarantine.identity import sha256_of
from service.quarantine.source_quarantine import SourceQuarantine

__all__ = ["SourceQuarantine", "sha256_of"]
