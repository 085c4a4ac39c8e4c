"""The limits of the engine. Each is checked before the work that it bounds."""

from msgspec import Struct

from engine.schema import Mode


class EngineLimits(Struct, frozen=True, kw_only=True):
    """The limits of the engine; an error names the field and shows both numbers.

    `max_source_bytes`: bytes of a source or of a watermark.
    `max_source_pixels`: width × height × frames of a source or of a watermark.
    `max_tiff_fields`: of a TIFF's directory.
    `max_tiff_strips`: strips or tiles of a TIFF.
    `max_watermark_pixels`: width × height of a watermark's file.
    `max_frames`: of an animation that is a source or a watermark.
    `max_scans`: how often the decoder of a progressive JPEG goes over the whole image.
    `max_parts`: segments, chunks, blocks, boxes or items that a file is made of, those that take
    longer counted as several, or what an SVG draws: shapes and letters, as often as they are used.
    `max_svg_seconds`: what an SVG is predicted to take one core to draw.
    `max_text_length`: characters of an annotation.
    `max_text_size`: pixels an em of an annotation, up to 16,000.
    `max_text_pixels`: the box of an annotation's text, or its ink where that is larger.
    `max_output_pixels`, `max_output_side`: of a result, and of each intermediate that is
    larger than the image it is made from; the frames of an animation count together.
    `max_held_bytes`: pixels that a batch materialises because several jobs read them; what
    would need more is decoded again.
    `max_memory_bytes`: the guaranteed minimum of a job, see `engine.cost.check_memory`.
    `mode`: the fidelity of jobs that do not choose one.
    `allow_svg`: whether SVG is read at all, since it is more a program than an image.
    """

    max_source_bytes: int = 128 * 1024 * 1024
    max_source_pixels: int = 250_000_000
    max_tiff_fields: int = 1_000
    max_tiff_strips: int = 100_000
    max_watermark_pixels: int = 50_000_000
    max_frames: int = 2_000
    max_scans: int = 50
    max_parts: int = 50_000
    max_svg_seconds: float = 60.0
    max_text_length: int = 2_000
    max_text_size: int = 10_000
    max_text_pixels: int = 25_000_000
    max_output_pixels: int = 100_000_000
    max_output_side: int = 30_000
    max_held_bytes: int = 512 * 1024 * 1024
    max_memory_bytes: int = 1536 * 1024 * 1024
    mode: Mode = Mode.BALANCED
    allow_svg: bool = False


DEFAULT_LIMITS = EngineLimits()
LARGEST_KEPT_BUFFER = 64 * 1024 * 1024  # bytes of a buffer that the allocator reuses
