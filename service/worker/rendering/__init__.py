"""Rendering: the jobs of a process in the sandbox's children, how many at once, what a crash costs.

Knows nothing about leases and storages.
"""

from service.worker.rendering.isolation import Isolation, Outcome
from service.worker.rendering.prefetch import Prefetch
from service.worker.rendering.renderer import Renderer

__all__ = ["Isolation", "Outcome", "Prefetch", "Renderer"]
