"""The jobs of docs/coming-from.md make what the page says they make."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import Output, Source, parse_batch, render
from tests.engine.images import decoded, encoded, noise, smooth

PAGE = (Path(__file__).parents[2] / "docs" / "coming-from.md").read_text()
PAIRS = re.findall(
    r"```(?:text|js)\n(.*?)```\n\n```json\n(.*?)```\n\nGives (\d+) × (\d+) (\w+)( with alpha)?\.",
    PAGE,
    re.DOTALL,
)
PHOTO = encoded(np.maximum(smooth(1200, 800), noise(1200, 800) // 8))
MARK = encoded(noise(200, 100, 4))


def test_ten_are_shown_and_all_are_tried() -> None:
    assert len(PAIRS) == PAGE.count("```json") == 10
    services = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert services == ["imgproxy", "thumbor", "sharp", "Cloudinary", "Transloadit"]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].split("\n")[0][:40])
def test_a_job_makes_what_it_says(pair: tuple[str, ...]) -> None:
    _, written, width, height, kind, alpha = pair
    job: dict[str, Any] = json.loads(written)
    body = json.dumps({"source": "photo.jpg", "jobs": [job]}).encode()
    marks = {"mark.png": Source.from_bytes(MARK)}
    [(_, made)] = render(Source.from_bytes(PHOTO), parse_batch(body).jobs, inputs=marks)
    assert isinstance(made, Output), made
    assert (made.width, made.height) == (int(width), int(height))
    assert made.format.value == kind.lower()
    pixels = decoded(made.data)
    assert pixels.shape == (made.height, made.width, 4 if alpha else 3)
    if alpha:
        assert pixels[0, 0, 3] == 0
        assert pixels[made.height // 2, made.width // 2, 3] == 255
