"""What libvips does not read in a file, or reads wrongly, set right on the image that it opens."""

from collections.abc import Callable

from engine.errors import UnsupportedFormat
from engine.sources import EXIF, Content, SourceFormat, gif, png
from engine.vips.binding import GValue, Image, field_names, remove_field
from engine.vips.images import PROFILE


def corrected(image: Image, content: Content, source_format: SourceFormat) -> Image:
    """Give an image with the metadata and colours that its file has; UnsupportedFormat."""
    correct = CORRECTIONS.get(source_format)
    return correct(image, content) if correct else image


def _png(image: Image, content: Content) -> Image:
    """Add EXIF that libvips passes over, and a profile for colours that are told in numbers."""
    found = field_names(image)
    exif = b"" if EXIF.encode() in found else png.exif_of(content)
    colours = png.colours_of(content)
    if colours.unknown:
        raise UnsupportedFormat(f"expected colours that are known here, got a {colours.unknown}")
    if exif or colours.profile or colours.certain:
        image = image.copy()
    if exif:
        image.set_type(GValue.blob_type, EXIF, exif)
        image.set_type(GValue.gint_type, "orientation", png.orientation_of(exif))
    if colours.certain:
        remove_field(image, PROFILE.encode())
    if colours.profile:
        image.set_type(GValue.blob_type, PROFILE, colours.profile)
    return image


def _gif(image: Image, content: Content) -> Image:
    """Take back the frame that was added for the sake of alpha."""
    if gif.has_hidden_alpha(content):
        image = image.copy()
        image.set_type(GValue.gint_type, "n-pages", image.get("n-pages") - 1)
    return image


CORRECTIONS: dict[SourceFormat, Callable[[Image, Content], Image]] = {
    SourceFormat.PNG: _png,
    SourceFormat.GIF: _gif,
}
