"""What is running here."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version


def version() -> str:
    """This release's number."""
    try:
        return installed_version("darkroom")
    except PackageNotFoundError:
        return "unknown"


def libvips_version() -> str:
    """The version of the libvips that the engine uses."""
    from engine.vips import LIBVIPS_VERSION  # noqa: PLC0415

    return LIBVIPS_VERSION
