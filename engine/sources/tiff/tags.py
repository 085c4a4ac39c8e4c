"""Names for TIFF's numbers: tags, field types, photometric interpretations."""

from enum import IntEnum


class Tag(IntEnum):
    """The fields of a directory that are read here."""

    SUBFILE_TYPE = 254
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES = 277
    ROWS_PER_STRIP = 278
    STRIP_LENGTHS = 279
    PLANAR = 284
    T4_OPTIONS = 292
    T6_OPTIONS = 293
    ARTIST = 315
    PREDICTOR = 317
    COLOUR_MAP = 320
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_LENGTHS = 325
    SUB_DIRECTORIES = 330
    INK_SET = 332
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_TABLES = 347
    JPEG_FILE = 513
    JPEG_FILE_LENGTH = 514
    YCBCR_COEFFICIENTS = 529
    YCBCR_SUBSAMPLING = 530
    REFERENCE_BLACK_WHITE = 532
    XMP = 700
    COPYRIGHT = 33432
    IPTC = 33723
    ICC_PROFILE = 34675
    DNG_VERSION = 50706


class Compression(IntEnum):
    """How strips and tiles are packed, as far as they are unpacked here."""

    NONE = 1
    CCITT_RLE = 2
    CCITT_T4 = 3
    CCITT_T6 = 4
    LZW = 5
    JPEG = 7
    DEFLATE = 8
    NEXT = 32766
    CCITT_RLE_WORDS = 32771
    PACKBITS = 32773
    THUNDERSCAN = 32809
    PIXAR_LOG = 32909
    OLD_DEFLATE = 32946
    SGI_LOG = 34676
    SGI_LOG_24 = 34677


OF_FAX = {
    Compression.CCITT_RLE, Compression.CCITT_RLE_WORDS, Compression.CCITT_T4, Compression.CCITT_T6,
}  # fmt: skip


class Photometric(IntEnum):
    """What the samples of a pixel mean, as far as they are understood here."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    SEPARATED = 5
    YCBCR = 6
    CIE_LAB = 8
    ICC_LAB = 9
    LOG_L = 32844
    LOG_LUV = 32845


class Numbers(IntEnum):
    """What the bits of a sample are."""

    UNSIGNED = 1
    SIGNED = 2
    FLOAT = 3
    UNTOLD = 4
    COMPLEX_WHOLE = 5
    COMPLEX = 6


class Extra(IntEnum):
    """What a sample beyond the colours means."""

    UNSPECIFIED = 0
    ASSOCIATED_ALPHA = 1
    ALPHA = 2
