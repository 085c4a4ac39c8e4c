"""The versions of Darkroom and of libvips."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version


def version() -> str:
    """The version of Darkroom."""
    try:
        return installed_version("darkroom")
    except PackageNotFoundError:
        return "unknown"


def libvips_version() -> str:
    """The version of the libvips that the engine uses: that of its wheel, which is not loaded."""
    return installed_version("pyvips-binary")
