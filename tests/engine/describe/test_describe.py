"""Descriptions: placeholders against other implementations, colours against what is there."""

import base64
import json
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from engine import Source
from engine.describe import describe
from engine.errors import InvalidRequest
from engine.explain import explain
from engine.schema import Describe, Description
from tests.engine.images import PHOTOS, Pixels, encoded, job, make, noise, raster_of, smooth
from tests.engine.uploads import animation

EVERYTHING = Describe.known
# ThumbHash by fast-thumbhash 1.0 (the reference's own Rust), BlurHash by blurhash 1.1.5, both of
# every `step`-th pixel of a photograph; the last ones lie on their sides.
KNOWN = {
    ("astronaut.png", 9): ("3UgKFwhpaIVPh2aHVnh5aIdp+RRif0IG", "LPJQKA:+IptR.m9[RlxHOqkWRjIo"),
    ("chelsea.png", 8): ("XEkGFYL2R2ex5qmqeEWIhQx31HBm", "L8HT:E,Au6%0E1%MRj?abxxuxYW="),
    ("coffee.png", 10): ("GIoKDYSVqIc/UXd2eEeHiNJuUIkI", "LOJ=.MNdrqxZ~AE257IpOqSNX7R+"),
    ("rocket.jpg", 11): ("EOcFFYItd2ZwiZd1h4eIdnVwbwbn", "L87na:%i9Zae0MRj-Tj[#he,NIj["),
    ("chelsea.png", -16): ("XEkGFQKyQ8d693Z3foV1W1d8YNcG", "T8HKRlacg5=X-;xvyZV[xY-o?Hog"),
    ("rocket.jpg", -22): ("EOcFFQJQaH2HJ2mIeHdoaeB1B15o", "T87nd]0N#g%jRPe,9a-SNIf9bHoI"),
}
VEILED = "YAiCC4IH93FajKuPO6pJ8wt8i1arljk="  # of noise with alpha


def told(pixels: Pixels, *wanted: str) -> Description:
    return describe(raster_of(pixels), wanted or EVERYTHING)


def blocks(*shares: tuple[str, int]) -> Pixels:
    """Rows of colours, so many of each, all 20 pixels wide."""
    rows = [
        np.full((rows, 20, 3), tuple(bytes.fromhex(name[1:])), np.uint8) for name, rows in shares
    ]
    return np.concatenate(rows)


def near(one: str, other: str) -> bool:
    return all(
        abs(a - b) <= 4 for a, b in zip(*map(bytes.fromhex, (one[1:], other[1:])), strict=True)
    )


@pytest.mark.parametrize(("photo", "step"), KNOWN)
def test_placeholders_are_those_of_other_implementations(photo: str, step: int) -> None:
    pixels = np.asarray(Image.open(PHOTOS / photo).convert("RGB"))[:: abs(step), :: abs(step)]
    found = told(pixels if step > 0 else pixels.transpose(1, 0, 2), "thumbhash", "blurhash")
    assert (found.thumbhash, found.blurhash) == KNOWN[photo, step]


def test_a_thumbhash_knows_of_transparency() -> None:
    assert told(noise(33, 20, 4), "thumbhash").thumbhash == VEILED


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (100, 1), (7, 100)])
def test_images_of_any_shape_are_described(width: int, height: int, bands: int) -> None:
    found = told(smooth(width, height, bands))
    again = msgspec.json.decode(msgspec.json.encode(found), type=Description)  # within its bounds
    assert again == found
    assert len(base64.b64decode(found.thumbhash or "")) > 8


def test_the_average_counts_what_covers() -> None:
    pixels = np.array([[[200, 0, 0, 255], [0, 200, 0, 85], [0, 0, 255, 0]]], np.uint8)
    assert told(pixels, "average") == Description(average="#963200")


def test_a_palette_has_the_most_common_colour_first() -> None:
    pixels = blocks(("#2040a0", 20), ("#e0d040", 60), ("#c01020", 12), ("#101010", 8))
    found = told(pixels, "palette", "dominant")
    assert found.palette is not None
    assert found.dominant == found.palette[0] == "#e0d040"
    assert found.palette == ("#e0d040", "#2040a0", "#c01020", "#101010")


def test_shades_of_a_colour_are_one_and_no_more_than_six_are_given() -> None:
    shades = blocks(*((f"#20{60 + at:02x}a0", 10) for at in range(6)))
    names = ("#f00000", "#00f000", "#0000f0", "#f0f000", "#00f0f0", "#f000f0", "#f0f0f0", "#000000")
    many = blocks(*((name, 10) for name in names))
    assert len(told(shades, "palette").palette or ()) == 1
    assert len(told(many, "palette").palette or ()) == 6


def test_what_is_not_visible_has_no_colours() -> None:
    found = told(np.zeros((9, 9, 4), np.uint8))
    assert (found.average, found.dominant, found.palette) == (None, None, None)
    assert found.thumbhash
    assert found.blurhash


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "avif", "gif", "tiff"])
def test_a_result_is_described_as_it_is_written(ending: str) -> None:
    pixels = np.kron(blocks(("#2040a0", 20), ("#e0d040", 60)), np.ones((5, 20, 1), np.uint8))
    made = make(encoded(pixels), destination=f"a.{ending}", describe=["palette", "average"])
    assert made.description is not None
    assert made.description.thumbhash is None
    assert made.description.palette is not None
    first, second = made.description.palette[:2]
    assert near(first, "#e0d040")
    assert near(second, "#2040a0")
    assert near(made.description.average or "", "#b0ac58")


def test_of_an_animation_the_first_frame_is_described() -> None:
    frames = [blocks(("#2040a0", 20)), blocks(("#e0d040", 20))]
    made = make(animation("GIF", frames, [50, 50]), destination="a.webp", describe="dominant")
    assert near((made.description or Description()).dominant or "", "#2040a0")


def test_a_job_that_asks_for_no_description_has_none() -> None:
    assert make(encoded(smooth(9, 9))).description is None


def test_a_plan_says_what_is_described() -> None:
    explained = explain(Source.from_bytes(encoded(smooth(9, 9))), [job(describe=["palette"])])
    assert explained.jobs[0].save == "png quality 100, described by palette"


def test_what_cannot_be_described_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        job(describe=["faces"])
    assert caught.value.message.startswith(
        "jobs[0].describe: expected thumbhash, blurhash, dominant, average, palette or a list of"
    )


@pytest.mark.parametrize(
    "spoiled",
    [
        {"thumbhash": "<script>"}, {"blurhash": "a" * 65}, {"dominant": "red"},
        {"average": "#12345\n"}, {"palette": ["#000000"] * 7}, {"blurhash": "\0"},
    ],
)  # fmt: skip
def test_a_description_from_elsewhere_has_its_form(spoiled: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(spoiled), type=Description)
