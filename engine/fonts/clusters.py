"""Splits text into clusters, which are drawn as one, such as a letter with its marks."""

import uharfbuzz as harfbuzz

from engine.fonts.font_files import Face, open_font


def clusters(text: str, face: Face) -> list[str]:
    """Split text of one script into its clusters, as a face shapes it; they join to the text.

    Besides Unicode's grapheme clusters these are ligatures, and syllables that are reordered.
    """
    buffer = harfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    harfbuzz.shape(harfbuzz.Font(open_font(face)), buffer)
    starts = sorted({0, *(glyph.cluster for glyph in buffer.glyph_infos)})
    return [text[at:end] for at, end in zip(starts, [*starts[1:], len(text)], strict=True)]
