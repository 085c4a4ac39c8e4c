"""The facts that an image's header alone gives."""

from enum import Enum

from msgspec import Struct

from engine.geometry import Size


class SourceFormat(Enum):
    """The formats that are told apart by their first bytes."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    AVIF = "avif"
    TIFF = "tiff"
    HEIC = "heic"
    SVG = "svg"


class Facts(Struct, frozen=True, kw_only=True):
    """An image as it lies in its file.

    `width` and `height` are those of one frame before its orientation is applied.
    `bands` counts colours (1 grey, 3 RGB, 4 CMYK), `depth` the bits of each (8, 16 or 32).
    `orientation` is EXIF's, 1 to 8. `delays` are the milliseconds that each frame of an
    animation is shown, `loop` how often all of them are, 0 forever. `profile` tells whether
    an ICC profile is embedded, `interlaced` whether the file must be read whole before its
    first row is known. `bits` are those of a pixel where it is packed closer than in 8
    (1, 2 or 4), `palette` counts the colours that pixels are places among, 0 if they are none.
    `decoder_bytes` are kept while it is read, beside the rows that stream
    through: the strips or tiles of a TIFF. `coded_pixels` are those of the largest image that is
    decoded for one of AVIF or HEIC, whose colours are `subsampled` if there are fewer of them.
    `profile_bytes` are those of the profile. `drawing_seconds` are predicted of an SVG's shapes
    and filters, beside those of its pixels. `damaged` says what is wrong with it, if the header
    tells.
    """

    format: SourceFormat
    width: int
    height: int
    bands: int = 3
    alpha: bool = False
    depth: int = 8
    orientation: int = 1
    frames: int = 1
    delays: tuple[int, ...] = ()
    loop: int = 0
    profile: bool = False
    interlaced: bool = False
    bits: int = 8
    palette: int = 0
    decoder_bytes: int = 0
    coded_pixels: int = 0
    subsampled: bool = False
    profile_bytes: int = 0
    drawing_seconds: float = 0.0
    damaged: str = ""

    @property
    def size(self) -> Size:
        """One frame, as it lies in the file."""
        return Size(self.width, self.height)

    @property
    def decoded_at_once(self) -> bool:
        """Whether the decoder makes the whole image before it gives the first row."""
        whole = {SourceFormat.WEBP, SourceFormat.GIF, SourceFormat.AVIF, SourceFormat.HEIC}
        return self.format in whole or (
            self.interlaced and self.format in {SourceFormat.JPEG, SourceFormat.PNG}
        )

    def __str__(self) -> str:
        kind = {1: "grey", 3: "RGB", 4: "CMYK"}[self.bands] + ("A" if self.alpha else "")
        notes = [
            f"{self.bits if self.bits < 8 else self.depth} bit",
            f"palette of {self.palette}" if self.palette else "",
            f"orientation {self.orientation}" if self.orientation != 1 else "",
            f"{self.frames} frames" if self.frames != 1 else "",
            "ICC profile" if self.profile else "",
            "interlaced" if self.interlaced else "",
            "damaged" if self.damaged else "",
        ]
        return ", ".join(filter(None, [f"{self.format.value} {self.size} {kind}", *notes]))
