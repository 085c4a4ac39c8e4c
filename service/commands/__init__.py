"""The parts of the command line."""

from service.commands.dev import dev
from service.commands.engine import explain, process
from service.commands.fonts import fonts
from service.commands.services import services

__all__ = ["dev", "explain", "fonts", "process", "services"]
