"""Corrects an opened image where libvips ignores or misreads something in its file."""

from collections.abc import Callable

from engine.errors import UnsupportedFormat
from engine.sources import EXIF, Content, SourceFormat, gif, heif, png
from engine.sources.metadata import icc
from engine.vips.binding import GValue, Image, field_names, remove_field
from engine.vips.images import PROFILE, image_from_table, unmultiplied

# The look-up table from levels of 16 to 235, as video has them, to all of 8 bits.
FULL = bytes(min(255, max(0, round((level - 16) * 255 / 219))) for level in range(256))


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
    """Take back the frames that were added for the sake of alpha and of the canvas."""
    corner = gif.lacks_a_corner(content)
    added = gif.has_hidden_alpha(content) + corner
    if added:
        image = image.copy()
        image.set_type(GValue.gint_type, "n-pages", image.get("n-pages") - added)
    if corner and b"delay" in field_names(image):
        image.set_type(GValue.array_int_type, "delay", image.get("delay")[1:])
    return image


def _avif(image: Image, content: Content) -> Image:
    """Undo what libvips' libheif leaves as it is, beside what any HEIF needs."""
    levels = heif.levels_of(content)
    if levels.grey or levels.alpha:
        image = _stretched(image, levels)
    if heif.is_premultiplied(content):
        image = unmultiplied(image)
    return _heif(image, content)


def _heif(image: Image, content: Content) -> Image:
    """Add turns that libheif was kept from, and a profile for code points."""
    orientation = heif.orientation_left(content)
    profile = _profile_of_code_points(image, heif.code_points_of(content))
    if orientation or profile:
        image = image.copy()
    if orientation:
        image.set_type(GValue.gint_type, "orientation", orientation)
    if profile:
        image.set_type(GValue.blob_type, PROFILE, profile)
    return image


def _profile_of_code_points(image: Image, code: tuple[int, int] | None) -> bytes | None:
    """Write a profile for code points that no ICC profile explains."""
    if code is None or PROFILE.encode() in field_names(image):
        return None
    try:
        return icc.of_code_points(*code, grey=False)
    except KeyError:
        told = "/".join(map(str, code))
        raise UnsupportedFormat(
            f"expected colours that are known here, got an image with the code points {told}"
        ) from None


def _stretched(image: Image, levels: heif.Levels) -> Image:
    """Let black be 0 and white the most there is, in the planes that have it otherwise."""
    colours, alpha = image.extract_band(0, n=min(3, image.bands)), None
    if image.bands > colours.bands:
        alpha = image[image.bands - 1]
    if levels.grey:
        colours = _full(colours)
    if alpha is None:
        return colours.copy(interpretation=image.interpretation)
    made = colours.bandjoin(_full(alpha) if levels.alpha else alpha)
    return made.copy(interpretation=image.interpretation)


def _full(plane: Image) -> Image:
    if plane.format == "uchar":
        return plane.maplut(image_from_table((FULL,)))
    black, white = 16 * 256, 235 * 256
    scale = 65535 / (white - black)
    return plane.linear(scale, 0.5 - black * scale).cast("ushort")


CORRECTIONS: dict[SourceFormat, Callable[[Image, Content], Image]] = {
    SourceFormat.PNG: _png,
    SourceFormat.GIF: _gif,
    SourceFormat.AVIF: _avif,
    SourceFormat.HEIC: _heif,
}
