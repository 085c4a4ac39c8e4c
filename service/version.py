"""The versions of Darkroom and of libvips."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from engine.vips import binding


def version() -> str:
    """The version of Darkroom."""
    try:
        return installed_version("darkroom")
    except PackageNotFoundError:
        return "unknown"


def libvips_version() -> str:
    """The version of the libvips that the engine uses."""
    return binding.LIBVIPS_VERSION
