"""The benchmark's images are the same bytes each time."""

from pathlib import Path

import pytest
from PIL import Image

from bench import sources


def test_a_source_is_made_with_the_bytes_that_are_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources.make(tmp_path, "photo2.jpg", "wm.png")
    assert {path.name for path in tmp_path.iterdir()} == {"photo2.jpg", "wm.png"}
    for path in tmp_path.iterdir():
        assert sources.digest(path) == sources.SHA256[path.name]
    assert capsys.readouterr().err == ""
    with Image.open(tmp_path / "photo2.jpg") as photo, Image.open(tmp_path / "wm.png") as mark:
        assert (photo.size, photo.mode) == ((1600, 1200), "RGB")
        assert (mark.size, mark.mode) == ((400, 200), "RGBA")


def test_what_is_spoilt_is_made_again_and_what_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "wm.png"
    path.write_bytes(b"spoilt")
    sources.make(tmp_path, "wm.png")
    assert sources.digest(path) == sources.SHA256["wm.png"]
    made = path.stat().st_mtime_ns
    sources.make(tmp_path, "wm.png")
    assert path.stat().st_mtime_ns == made
