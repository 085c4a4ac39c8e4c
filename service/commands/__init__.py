"""The command line: one module for each command or group of commands.

Knows nothing of how requests are handled or work is done.
"""

from service.commands.dev import dev
from service.commands.engine import explain, process
from service.commands.fonts import fonts
from service.commands.presets import presets
from service.commands.services import services

__all__ = ["dev", "explain", "fonts", "presets", "process", "services"]
