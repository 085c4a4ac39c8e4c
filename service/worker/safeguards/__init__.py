"""Safeguards against harm: inputs that jobs overwrite.

Knows nothing about how jobs are rendered.
"""

from service.worker.safeguards.in_place import InPlace

__all__ = ["InPlace"]
