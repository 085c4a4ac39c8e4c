"""The layer cache: keyed by content, shared across batches."""

import numpy as np

from engine import Source
from engine.ir import TextLayer
from engine.lower.layer_cache import LAYER_CACHE, key_of
from tests.engine.images import Json, encoded, noise, pixels_of

TEXT = TextLayer(("a",), ("Liberation Sans",), 9, (0, 0, 0, 255), 9, 9)


def test_a_changed_watermark_is_another_one() -> None:
    step: Json = {"type": "watermark", "source": "m"}
    white = encoded(np.full((30, 30, 3), 255, np.uint8))
    for seed in (0, 1, 0):
        mark = noise(30, 30, seed=seed)
        made = pixels_of(white, step, inputs={"m": encoded(mark)})
        assert np.array_equal(made, mark)


def test_a_watermark_is_made_ready_once_whatever_its_name() -> None:
    mark, white = encoded(noise(7, 7, 4, seed=77)), encoded(np.full((30, 30, 3), 255, np.uint8))
    before = len(LAYER_CACHE)
    for name in ("one", "other"):
        step: Json = {"type": "watermark", "source": name, "width": 6}
        pixels_of(white, step, inputs={name: mark})
    assert len(LAYER_CACHE) == before + 1
    assert key_of(TEXT, None) == (b"", TEXT)
    assert key_of(TEXT, Source.from_bytes(mark)) == (b"", TEXT)
