"""What customers upload: every kind of image, written by hand, by Pillow or by libvips."""

import io
import zlib
from collections.abc import Callable
from struct import pack
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from tests.engine import heic_files
from tests.engine.images import DATA, Pixels, encoded, noise, smooth
from tests.engine.tiff_files import Tiff

ARITHMETIC = (DATA / "pictures" / "arithmetic.jpg").read_bytes()
HEIC = (DATA / "pictures" / "two-colours.heic").read_bytes()
SVG = (
    b'<?xml version="1.0"?>\n<!-- drawn -->\n'
    b'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="10">'
    b'<rect width="12" height="10" fill="#f80"/></svg>'
)
Deep = NDArray[Any]


def with_orientation(kind: str, pixels: Pixels, orientation: int, **options: Any) -> bytes:
    """Write pixels that are to be turned; Pillow turns AVIF's in its own way of doing so."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(pixels, kind, exif=exif, **options)


def animation(kind: str, frames: list[Pixels], delays: list[int], loop: int = 0) -> bytes:
    """Write an animated GIF, WebP, PNG or AVIF; delays are in milliseconds."""
    out = io.BytesIO()
    first, *others = map(Image.fromarray, frames)
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    if kind == "GIF":
        options["disposal"] = 2
    first.save(
        out, kind, save_all=True, append_images=others, duration=delays, loop=loop, **options
    )
    return out.getvalue()


def written(pixels: Deep, suffix: str, space: str, profile: bytes = b"", **options: Any) -> bytes:
    """Write pixels of any depth with libvips, which knows kinds that Pillow does not."""
    height, width, bands = pixels.shape
    formats = {"uint8": "uchar", "uint16": "ushort", "float32": "float", "uint32": "uint"}
    kind = formats[pixels.dtype.name]
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, bands, kind)
    image = image.copy(interpretation=space)
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return bytes(image.write_to_buffer(suffix, **options))


def cmyk(inks: Pixels, **options: Any) -> bytes:
    """Write inks as a CMYK JPEG, inverted as Adobe does."""
    out = io.BytesIO()
    height, width, _ = inks.shape
    image = Image.frombytes("CMYK", (width, height), inks.tobytes())
    image.save(out, "JPEG", **{"quality": 100, "subsampling": 0, **options})
    return out.getvalue()


def ycck(inks: Pixels, **options: Any) -> bytes:
    """Write inks as a YCCK JPEG: YCbCr of the first three, the last inverted, as Adobe does."""
    colours = Image.fromarray(inks[..., :3]).convert("YCbCr")
    stored = np.dstack([np.asarray(colours), 255 - inks[..., 3]])
    data = bytearray(cmyk(255 - stored, **options))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def png_chunks(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """Write packed rows as a PNG of any depth and colour type."""
    stride = len(rows) // height
    raw = b"".join(b"\0" + rows[y * stride : (y + 1) * stride] for y in range(height))

    def chunk(name: bytes, body: bytes) -> bytes:
        return pack(">I", len(body)) + name + body + pack(">I", zlib.crc32(name + body))

    header = pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Write an ICC profile of version 2.4."""
    at = 128 + 4 + 12 * len(tags)
    table, bodies = pack(">I", len(tags)), b""
    for name, body in tags.items():
        table += name + pack(">II", at + len(bodies), len(body))
        bodies += body + b"\0" * (-len(body) % 4)
    head = pack(">I", at + len(bodies)) + b"\0" * 4 + b"\2\x40\0\0" + kind + space + connection
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + bodies


D50 = b"XYZ \0\0\0\0" + pack(">III", 0xF6D6, 0x10000, 0xD32D)


def grey_profile(gamma: float) -> bytes:
    """Write a profile of grey with a gamma, which sRGB's is not."""
    curve = b"curv\0\0\0\0" + pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    return profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": D50, b"kTRC": curve})


def strange_inks() -> bytes:
    """Write a profile of four inks that are red, green, blue and black, as no printer's are."""
    even = bytes(range(256))
    nodes = b""
    for node in range(16):  # the last ink changes fastest
        red, green, blue, black = (bool(node & bit) for bit in (8, 4, 2, 1))
        lightness = 0 if black else 255 - 55 * (red + green + blue)
        a = 128 + (0 if black else 60 * red - 60 * green)
        b = 128 + (0 if black else 40 * red + 40 * green - 70 * blue)
        nodes += bytes([lightness, a, b])
    identity = pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x10000)
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + even * 4 + nodes + even * 3
    return profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": D50, b"A2B0": table})


def _palette() -> bytes:
    image = Image.fromarray(smooth(24, 10)).convert("P", palette=Image.Palette.ADAPTIVE)
    out = io.BytesIO()
    image.save(out, "PNG", transparency=bytes(range(0, 250, 5)))
    return out.getvalue()


def _deep(bands: int) -> Deep:
    return smooth(24, 10, bands).astype(np.uint16) * 257


FRAMES = [smooth(24, 10), 255 - smooth(24, 10), smooth(24, 10)[::-1] // 2]
DELAYS = [100, 250, 40]

# One small file of each kind, by format and name: what the fuzz test spoils.
KINDS: dict[str, Callable[[], bytes]] = {
    "jpeg baseline": lambda: encoded(smooth(24, 10), "JPEG"),
    "jpeg progressive": lambda: encoded(smooth(24, 10), "JPEG", progressive=True),
    "jpeg arithmetic": lambda: ARITHMETIC,
    "jpeg grey": lambda: encoded(smooth(24, 10, 1), "JPEG"),
    "jpeg cmyk": lambda: cmyk(smooth(24, 10, 4)),
    "jpeg ycck": lambda: ycck(smooth(24, 10, 4)),
    "jpeg profile": lambda: encoded(smooth(24, 10), "JPEG", icc_profile=strange_inks()),
    "jpeg turned": lambda: with_orientation("JPEG", smooth(24, 10), 6),
    "png rgb": lambda: encoded(smooth(24, 10)),
    "png rgba": lambda: encoded(smooth(24, 10, 4)),
    "png grey alpha": lambda: encoded(smooth(24, 10, 2)),
    "png one bit": lambda: encoded(noise(24, 10, 1), mode="1"),
    "png palette": _palette,
    "png 16 bit": lambda: written(_deep(4), ".png", "rgb16"),
    "png interlaced": lambda: written(smooth(24, 10), ".png", "srgb", interlace=True),
    "png animated": lambda: animation("PNG", FRAMES, DELAYS),
    "webp lossy": lambda: encoded(smooth(24, 10), "WEBP"),
    "webp lossless": lambda: encoded(smooth(24, 10, 4), "WEBP", lossless=True),
    "webp animated": lambda: animation("WEBP", FRAMES, DELAYS),
    "gif": lambda: encoded(smooth(24, 10), "GIF"),
    "gif animated": lambda: animation("GIF", FRAMES, DELAYS),
    "avif": lambda: encoded(smooth(24, 10, 4), "AVIF"),
    "avif 10 bit": lambda: written(_deep(3), ".avif", "rgb16", bitdepth=10),
    "avif animated": lambda: animation("AVIF", FRAMES, DELAYS),
    "heic": lambda: HEIC,
    "heic alpha": lambda: heic_files.picture("veiled-turned"),
    "heic 10 bit": lambda: heic_files.picture("deep"),
    "heic grid": lambda: heic_files.grid(2, 1),
    "tiff": lambda: encoded(smooth(24, 10), "TIFF"),
    "tiff lzw tiles": lambda: written(smooth(24, 10), ".tif", "srgb", compression="lzw", tile=True),
    "tiff jpeg": lambda: written(smooth(24, 10), ".tif", "srgb", compression="jpeg"),
    "tiff float": lambda: written((smooth(24, 10) / 255).astype(np.float32), ".tif", "scrgb"),
    "tiff cmyk": lambda: written(smooth(24, 10, 4), ".tif", "cmyk", compression="deflate"),
    "svg": lambda: SVG,
}


def _tiff(bands: int, **options: Any) -> Callable[[], bytes]:
    return lambda: bytes(Tiff(smooth(24, 10, bands), **options))


# The ways of TIFF, of which there are too many to stand beside the other formats.
TIFFS: dict[str, Callable[[], bytes]] = {
    "tiff planes": _tiff(3, planar=True, compression=8),
    "tiff 12 bit": _tiff(3, bits=12, order=">", ahead=True),
    "tiff big": _tiff(4, big=True, tile=(16, 16), compression=8, ahead=True),
    "tiff fax": lambda: encoded(noise(24, 10, 1), "TIFF", mode="1", compression="group4"),
    "tiff packbits": lambda: encoded(smooth(24, 10), "TIFF", compression="packbits"),
    "tiff palette": _tiff(1, bits=4, photometric=3, fields=[(320, 3, list(range(48)))]),
    "tiff lab": _tiff(4, photometric=8, extras=[2], planar=True),
    "tiff premultiplied": _tiff(4, extras=[1], ahead=True),
    "tiff ycbcr": _tiff(3, photometric=6, rows=10, fields=[(530, 3, [1, 1])]),
    "tiff subsampled": lambda: bytes(
        Tiff(np.empty((10, 24, 3)), photometric=6, rows=10, chunks=[bytes(range(240)) * 2])
    ),
    "tiff jpeg tiles": lambda: written(
        smooth(40, 24), ".tif", "srgb", compression="jpeg", tile=True, tile_width=16, tile_height=16
    ),
    "tiff jpeg planes": lambda: bytes(
        Tiff(
            np.empty((10, 24, 3)), planar=True, compression=7, rows=10, ahead=True,
            chunks=[encoded(smooth(24, 10, 1), "JPEG")] * 3,
        )
    ),
    "tiff light": (DATA / "cases" / "logluv24.tif").read_bytes,
    "tiff half floats": _tiff(3, bits=16, numbers=3),
    "tiff doubles": _tiff(1, bits=64, numbers=3, photometric=1),
    "tiff signed": _tiff(1, numbers=2, photometric=0, ahead=True),
}  # fmt: skip
