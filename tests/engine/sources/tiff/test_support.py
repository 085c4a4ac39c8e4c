"""What is refused is refused by its name, from the directory alone; never as damage."""

from typing import Any

import numpy as np
import pytest

from engine import Source, read_facts
from engine.errors import UnsupportedFormat
from tests.engine.tiff_files import LONG, SHORT, Tiff, numbers

RGB = Tiff(numbers(8, 3))
GREY = Tiff(numbers(8, 1), photometric=1)
YCBCR = RGB.but(photometric=6)
LAB = RGB.but(photometric=8)
DEFLATE = RGB.but(compression=8)
PALETTE = GREY.but(photometric=3, fields=[(320, SHORT, [9] * 48)])
FOUR = RGB.but(samples=numbers(8, 4))


def compressed(number: int) -> Tiff:
    return RGB.but(compression=number)


def with_fields(tiff: Tiff, *fields: Any) -> Tiff:
    return tiff.but(fields=fields)


REFUSED: dict[str, Tiff] = {
    "compressed with old-style JPEG": compressed(6),
    "compressed with JBIG": compressed(34661),
    "compressed with Pixar log": compressed(32909),
    "compressed with SGI LogLuv": compressed(34676),
    "compressed with JPEG 2000": compressed(34712),
    "compressed with LERC": compressed(34887),
    "compressed with LZMA": compressed(34925),
    "compressed with Zstandard": compressed(50000),
    "compressed with WebP": compressed(50001),
    "compressed with JPEG XL": compressed(50002),
    "compressed with method 12345": compressed(12345),
    "holds a transparency mask": GREY.but(photometric=4),
    "holds ITU Lab": RGB.but(photometric=10),
    "holds the raw data of a camera's sensor": GREY.but(photometric=32803),
    "holds photometric 777": RGB.but(photometric=777),
    "1 of the 3 samples": GREY.but(photometric=2),
    "3 of the 4 samples": RGB.but(photometric=5),
    "70 samples a pixel": RGB.but(samples=numbers(8, 70)),
    "samples of 5 and 6 bits side by side": with_fields(RGB, (258, SHORT, [5, 6, 5])),
    "whole numbers and others": with_fields(RGB, (339, SHORT, [1, 1, 3])),
    "whole numbers of 64 bits": RGB.but(bits=64),
    "floats of 24 bits": RGB.but(bits=24, numbers=3),
    "complex numbers of 64 bits": RGB.but(bits=64, numbers=6),
    "signed numbers of 12 bits": RGB.but(bits=12, numbers=2),
    "CCITT T6 with 8 bits": GREY.but(compression=4),
    "CCITT T4 with 3 samples": RGB.but(bits=1, compression=3),
    "JPEG with 12 bits": GREY.but(bits=12, compression=7),
    "JPEG whose samples are no colours": GREY.but(photometric=3, compression=7),
    "JPEG in planes of different sizes": YCBCR.but(compression=7, planar=True),
    "JPEG in tiles with 4 samples": FOUR.but(compression=7, tile=(16, 16)),
    "predictor 2 for samples of 12 bits": with_fields(DEFLATE.but(bits=12), (317, SHORT, [2])),
    "predictor 7 for samples of 8 bits": with_fields(DEFLATE, (317, SHORT, [7])),
    "a palette for samples of 12 bits": PALETTE.but(bits=12),
    "a palette of 16 colours": PALETTE,
    "inks other than CMYK": with_fields(FOUR.but(photometric=5), (332, SHORT, [2])),
    "YCbCr of 16 bits": with_fields(YCBCR.but(bits=16), (530, SHORT, [1, 1])),
    "YCbCr subsampled 2×4": with_fields(YCBCR, (530, SHORT, [2, 4])),
    "subsampled YCbCr in tiles": YCBCR.but(tile=(16, 16)),
    "Lab of 12 bits": LAB.but(bits=12),
    "Lab of 32 bits": LAB.but(bits=32),
    "Lab with premultiplied alpha": FOUR.but(photometric=8, extras=[1]),
    "LogLuv in planes": RGB.but(bits=16, photometric=32845, compression=34676, planar=True),
    "tiles of 20×16": GREY.but(tile=(20, 16)),
    "tiles of 8192×8192": RGB.but(tile=(8192, 8192), chunks=[b""]),
    "tiles of 8208×16": RGB.but(tile=(8208, 16), chunks=[b""]),
    "tiles of 16×16": GREY.but(bits=12, tile=(16, 16)),
    "CCITT RLE WORDS in tiles": GREY.but(bits=1, compression=32771, tile=(16, 16)),
    "only a preview": with_fields(RGB, (254, LONG, [1]), (330, LONG, [8])),
    "raw data": with_fields(RGB, (50706, 1, [1, 4, 0, 0])),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused_is_named(words: str) -> None:
    with pytest.raises(UnsupportedFormat) as found:
        read_facts(Source.from_bytes(bytes(REFUSED[words])))
    assert found.value.code == "unsupported_format"
    assert found.value.message.startswith("expected a TIFF of a kind that is read here, got ")
    assert words in found.value.message


def test_what_is_missing_or_usual_is_assumed() -> None:
    grey = read_facts(Source.from_bytes(bytes(GREY.but(without=[262, 259, 277, 339, 284]))))
    assert (grey.bands, grey.alpha, grey.depth) == (1, False, 8)
    rgb = read_facts(Source.from_bytes(bytes(RGB.but(without=[262, 259, 339, 284, 278], rows=21))))
    assert (rgb.bands, rgb.alpha, rgb.depth) == (3, False, 8)
    assert np.array_equal((rgb.width, rgb.height), (100, 21))
