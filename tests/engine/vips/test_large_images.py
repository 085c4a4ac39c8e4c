"""Images that are decoded at once stay in memory, however large: a child may write no file."""

import pytest
import pyvips

from engine import Job, Output, Source, parse, render

SIDE = 6_000  # pixels of 3 bytes: beyond what libvips puts into a file unless told otherwise
JOB = parse(
    b'{"destination": "a.png", "transformations": [{"type": "resize", "width": 20}]}', Job
)  # fmt: skip


def test_a_large_image_needs_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pyvips.Image.black(SIDE, SIDE, bands=3).webpsave_buffer(lossless=True, effort=0)
    monkeypatch.setenv("TMPDIR", "/nowhere")
    [(_, made)] = render(Source.from_bytes(data), (JOB,))
    assert isinstance(made, Output), made
