"""The settings of an API or worker, each a variable of the environment.

Knows nothing about what the service does with them.
"""

from service.settings.environment import (
    PREFIX,
    SettingsError,
    as_environment,
    describe_settings,
    read_settings,
    setting_of,
    variable,
)
from service.settings.model import Settings

__all__ = [
    "PREFIX",
    "Settings",
    "SettingsError",
    "as_environment",
    "describe_settings",
    "read_settings",
    "setting_of",
    "variable",
]
