"""Encoder options: each has its effect, or is rejected by name."""

import io
import json
from typing import Any

import numpy as np
import pytest
from msgspec.structs import fields
from PIL import Image

from engine import InvalidRequest, Source, parse_batch, read_facts
from engine.explain import explain
from engine.schema import KINDS, Choice, Flag, Format, Number
from tests.engine.images import PHOTOS, Pixels, decoded, encoded, job, make, noise, smooth
from tests.engine.uploads import animation

PHOTO = np.asarray(Image.open(PHOTOS / "chelsea.png").convert("RGB").resize((160, 120)))
COVER = np.asarray(Image.open(PHOTOS / "coffee.png").convert("L").resize((160, 120)))
TRANSLUCENT = np.dstack([PHOTO, COVER])

# Another value for every option, with what it needs beside it.
OTHERS: dict[str, list[dict[str, Any]]] = {
    "jpeg": [
        {"progressive": True},
        {"optimize": True},
        {"trellis": True},
        {"subsampling": "4:4:4"},
        {"subsampling": "4:2:0", "_quality": 95},
    ],
    "png": [
        {"compression": 9},
        {"compression": 0},
        {"filter": "none"},
        {"filter": "up"},
        {"filter": "average"},
        {"filter": "paeth"},
        {"filter": "all"},
        {"progressive": True},
        {"palette": True},
        {"palette": True, "bits": 2},
        {"palette": True, "dither": 0},
    ],
    "webp": [
        {"effort": 6},
        {"lossless": True},
        {"near_lossless": True},
        {"alpha_quality": 20},
        {"sharp": True},
    ],
    "avif": [
        {"effort": 0},
        {"lossless": True},
        {"subsampling": "4:4:4"},
        {"subsampling": "4:2:0", "_quality": 95},
        {"bits": 10},
    ],
    "gif": [{"effort": 10}, {"bits": 3}, {"dither": 0}, {"progressive": True}],
    "tiff": [
        {"compression": "none"},
        {"compression": "lzw"},
        {"compression": "packbits"},
        {"compression": "jpeg"},
        {"predictor": False},
        {"tile": True},
    ],
}


def saved(pixels: Pixels, ending: str, quality: int = 70, **options: Any) -> bytes:
    output = make(encoded(pixels), destination=f"o.{ending}", quality=quality, options=options)
    return output.data


def image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_every_option_is_tried() -> None:
    assert set(OTHERS) == set(KINDS) == {each.value for each in Format}
    for kind, cases in OTHERS.items():
        tried = {name for case in cases for name in case if name != "_quality"}
        assert tried == {field.name for field in fields(KINDS[kind])}, kind


@pytest.mark.parametrize(
    ("kind", "case"), [(kind, case) for kind, cases in OTHERS.items() for case in cases]
)
def test_every_option_makes_another_file_of_the_same_image(kind: str, case: dict[str, Any]) -> None:
    options = {name: value for name, value in case.items() if name != "_quality"}
    quality = case.get("_quality", 70)
    given = TRANSLUCENT if "alpha_quality" in case else PHOTO
    plain, other = saved(given, kind, quality), saved(given, kind, quality, **options)
    assert plain != other
    pixels = [np.asarray(image(data).convert("RGB")).astype(int) for data in (plain, other)]
    assert np.abs(pixels[0] - pixels[1]).mean() < 20


@pytest.mark.parametrize("kind", KINDS)
def test_the_defaults_may_be_written(kind: str) -> None:
    as_strings: dict[str, Any] = {
        field.name: bool(field.default)
        if field.type is Flag
        else str(field.default)
        if issubclass(field.type, Choice)
        else field.default
        for field in fields(KINDS[kind])
    }
    assert saved(PHOTO, kind) == saved(PHOTO, kind, **as_strings)


def test_jpeg_options() -> None:
    plain = saved(PHOTO, "jpg")
    assert "progressive" not in image(plain).info
    assert "progressive" in image(saved(PHOTO, "jpg", progressive=True)).info
    assert len(saved(PHOTO, "jpg", optimize=True)) < len(plain)
    assert len(saved(PHOTO, "jpg", trellis=True)) < 0.95 * len(plain)
    sampled = [image(saved(PHOTO, "jpg", q, subsampling=s)).layer[0][1:3]  # type: ignore[attr-defined]
               for s, q in (("auto", 70), ("auto", 95), ("4:2:0", 95), ("4:4:4", 70))]  # fmt: skip
    assert sampled == [(2, 2), (1, 1), (2, 2), (1, 1)]


def test_png_options() -> None:
    assert np.array_equal(decoded(saved(PHOTO, "png", compression=9, filter="all")), PHOTO)
    assert image(saved(PHOTO, "png", progressive=True)).info["interlace"] == 1
    few = image(saved(PHOTO, "png", palette=True, bits=2))
    assert few.mode == "P"
    assert len(few.getcolors() or []) <= 4
    sizes = [len(saved(PHOTO, "png", quality, palette=True)) for quality in (10, 100)]
    assert sizes[0] < sizes[1]
    translucent = image(saved(TRANSLUCENT, "png", palette=True)).convert("RGBA")
    assert np.abs(np.asarray(translucent)[..., 3].astype(int) - TRANSLUCENT[..., 3]).mean() < 12


def test_lossless_is_exact() -> None:
    assert np.array_equal(
        decoded(saved(TRANSLUCENT, "webp", lossless=True))[..., 3], TRANSLUCENT[..., 3]
    )
    for kind in ("webp", "avif"):
        assert np.array_equal(decoded(saved(PHOTO, kind, 5, lossless=True)), PHOTO)
    near = decoded(saved(PHOTO, "webp", 40, near_lossless=True)).astype(int)
    assert 0 < np.abs(near - PHOTO).max() <= 16


def test_avif_bits_and_subsampling() -> None:
    for bits, depth in ((8, 8), (10, 16), (12, 16)):
        facts = read_facts(Source.from_bytes(saved(PHOTO, "avif", bits=bits)))
        assert facts.depth == depth
    red = np.zeros((16, 16, 3), np.uint8)
    red[:, ::2, 0] = 255
    sharp, soft = (
        decoded(saved(red, "avif", 95, subsampling=way)).astype(int) for way in ("4:4:4", "4:2:0")
    )
    assert np.abs(sharp - red).mean() < np.abs(soft - red).mean() / 3


def test_gif_options() -> None:
    assert len(image(saved(PHOTO, "gif", bits=2)).convert("RGB").getcolors() or []) <= 4
    assert image(saved(PHOTO, "gif")).mode == "P"
    flat = saved(smooth(60, 60), "gif", dither=0, bits=3)
    assert len(flat) < len(saved(smooth(60, 60), "gif", dither=1, bits=3))
    moving = animation("GIF", [PHOTO, PHOTO[::-1]], [80, 80])
    made = make(moving, destination="o.gif", options={"bits": 4})
    assert made.frames == 2


def test_tiff_options() -> None:
    packings = {"none": "raw", "deflate": "tiff_adobe_deflate", "lzw": "tiff_lzw",
                "packbits": "packbits", "jpeg": "jpeg"}  # fmt: skip
    for compression, name in packings.items():
        made = image(saved(PHOTO, "tif", compression=compression))
        assert made.info["compression"] == name
        exact = np.array_equal(np.asarray(made), PHOTO)
        assert exact == (compression != "jpeg")
    sizes = [len(saved(PHOTO, "tif", quality, compression="jpeg")) for quality in (10, 90)]
    assert sizes[0] < sizes[1] / 2
    assert 322 in image(saved(PHOTO, "tif", tile=True)).tag_v2  # type: ignore[attr-defined]
    clear = np.zeros((16, 16, 4), np.uint8)
    assert decoded(saved(clear, "tif", compression="lzw")).shape == (16, 16, 4)
    assert decoded(saved(clear, "tif", compression="jpeg")).min() > 250, "flattened onto white"


def complaint(ending: str, options: Any) -> InvalidRequest:
    described = {"destination": f"o.{ending}", "transformations": [], "options": options}
    body = {"source": "a", "jobs": [described]}
    with pytest.raises(InvalidRequest) as caught:
        parse_batch(json.dumps(body).encode())
    return caught.value


@pytest.mark.parametrize(
    ("ending", "options", "path", "message", "code"),
    [
        ("jpg", {"lossless": True}, ".lossless", "an option of webp and avif", "invalid_request"),
        ("webp", {"trellis": True}, ".trellis", "an option of jpeg, and this is saved as webp",
         "invalid_request"),
        ("jpg", {"progresive": True}, ".progresive", "mean 'progressive'?", "unknown_field"),
        ("gif", {"xyz": 1}, ".xyz", "gif has effort, bits, dither, progressive", "unknown_field"),
        ("png", {"compression": 10}, ".compression", "a number from 0 to 9, got 10",
         "invalid_request"),
        ("png", {"filter": "best"}, ".filter", "one of none, sub, up, average, paeth, all",
         "invalid_request"),
        ("png", {"bits": 4}, ".bits", "expected 'palette': true beside it", "invalid_request"),
        ("png", {"palette": True, "bits": 3}, ".bits", "one of 1, 2, 4, 8, got 3",
         "invalid_request"),
        ("png", {"dither": 0.5}, ".dither", "expected 'palette'", "invalid_request"),
        ("webp", {"effort": 7}, ".effort", "from 0 to 6", "invalid_request"),
        ("webp", {"lossless": 1}, ".lossless", "true or false, got 1", "invalid_request"),
        ("webp", {"lossless": True, "sharp": True}, ".sharp", "nothing lossy beside 'lossless'",
         "invalid_request"),
        ("webp", {"near_lossless": True, "alpha_quality": 9}, ".alpha_quality", "near_lossless",
         "invalid_request"),
        ("webp", {"lossless": True, "near_lossless": True}, ".near_lossless", "only one of",
         "invalid_request"),
        ("avif", {"bits": 9}, ".bits", "one of 8, 10, 12", "invalid_request"),
        ("avif", {"lossless": True, "bits": 10}, ".bits", "nothing lossy", "invalid_request"),
        ("gif", {"effort": 0}, ".effort", "from 1 to 10", "invalid_request"),
        ("tif", {"compression": "jpeg", "predictor": False}, ".predictor", "deflate or lzw",
         "invalid_request"),
        ("jpg", [], "", "expected an object, got an empty array", "invalid_request"),
        ("jpg", None, "", "expected an object, got null", "invalid_request"),
    ],
)  # fmt: skip
def test_what_is_refused(ending: str, options: Any, path: str, message: str, code: str) -> None:
    error = complaint(ending, options)
    assert (error.code, error.path) == (code, f"jobs[0].options{path}")
    assert message in error.message


def test_numbers_and_flags_may_be_strings() -> None:
    as_strings = job(destination="o.webp", options={"effort": "4", "lossless": "true"})
    plain = job(destination="o.webp", options={"effort": 4, "lossless": True})
    assert as_strings.save_options == plain.save_options
    assert job(format="avif", options={"bits": "10"}).save_options == job(
        format="avif", options={"bits": 10}
    ).save_options  # fmt: skip


def test_every_range_holds_its_default() -> None:
    for kind in KINDS.values():
        for field in fields(kind):
            assert issubclass(field.type, Number | Choice | Flag)
            value = bool(field.default) if field.type is Flag else field.default
            assert field.type.parse(value) == field.default


def test_explain_shows_what_was_chosen() -> None:
    wanted = job(destination="o.jpg", options={"progressive": True, "subsampling": "4:4:4"})
    explained = explain(Source.from_bytes(encoded(noise(9, 9))), [wanted])
    assert explained.jobs[0].save == "jpeg quality 70, progressive true, subsampling 4:4:4"
