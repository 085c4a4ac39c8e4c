"""What a WebP takes to be opened is known before, and its want is told as one of memory."""

import pytest
import pyvips

from engine import EngineLimits, Source, read_facts
from engine.errors import NeedsTooMuchMemory, SourceCorrupt, SourceTooLarge
from engine.sources import webp
from tests.engine.images import encoded, noise, smooth
from tests.hostile.bombs import webp as animated

KINDS = {
    "lossy": encoded(smooth(70, 41), "WEBP"),
    "lossless": encoded(smooth(70, 41), "WEBP", lossless=True),
    "extended": encoded(noise(70, 41, 4), "WEBP"),
    "animated": animated(2, width=70, height=41),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_is_that_of_the_canvas(kind: str) -> None:
    assert webp.size_in(KINDS[kind]) == (70, 41)


@pytest.mark.parametrize("data", [b"", b"RIFF", KINDS["lossy"][:12] + b"ALPH" + bytes(20)])
def test_what_begins_otherwise_has_no_size(data: bytes) -> None:
    assert webp.size_in(data) is None


def test_a_canvas_that_is_too_large_is_refused_before_it_is_made() -> None:
    data = animated(1, width=16_384, height=16_384)
    with pytest.raises(SourceTooLarge, match="max_source_pixels"):
        read_facts(Source.from_bytes(data))
    limits = EngineLimits(max_source_pixels=2**28, max_memory_bytes=2**30 - 1)
    with pytest.raises(NeedsTooMuchMemory, match="1,073,741,824 bytes at least"):
        read_facts(Source.from_bytes(data), limits)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("vips_tracked: out of memory -- size == 34MB", MemoryError),
        ("tiff2vips: Failed to allocate memory for to read TIFF directory", SourceCorrupt),
    ],
)
def test_a_want_of_memory_at_the_opening_is_the_file_s_only_where_it_claims_much(
    monkeypatch: pytest.MonkeyPatch, words: str, error: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise pyvips.Error("unable to call", words)

    monkeypatch.setattr(pyvips.Operation, "call", fail)
    with pytest.raises(error):
        read_facts(Source.from_bytes(KINDS["lossy"]))
