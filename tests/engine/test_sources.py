"""Whatever customers upload: each kind of picture comes out as 8-bit upright sRGB."""

import io
import os
import zlib
from pathlib import Path
from struct import pack

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from engine import EngineLimits, Source, read_facts, render
from engine.errors import (
    DarkroomError,
    SourceCorrupt,
    SourceEmpty,
    SourceTooLarge,
    UnsupportedFormat,
)
from tests.engine.pictures import decoded, encoded, job, make, noise, smooth

UPRIGHT = smooth(24, 10)
TO_UPRIGHT = {
    1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1), 6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2), 8: lambda a: np.rot90(a, 1),
}  # fmt: skip


def with_orientation(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(noise(12, 7), kind, exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_exif_orientation_comes_first_and_is_dropped(kind: str, orientation: int) -> None:
    source = with_orientation(kind, orientation)
    output = make(source)
    expected = TO_UPRIGHT[orientation](decoded(source))
    assert np.array_equal(decoded(output.data), expected)
    assert Image.open(io.BytesIO(output.data)).getexif().get(0x0112) is None
    assert read_facts(Source.from_bytes(source)).orientation == orientation


def test_grey_becomes_three_equal_bands() -> None:
    grey = noise(9, 5, 1)
    assert np.array_equal(decoded(make(encoded(grey)).data), np.repeat(grey, 3, 2))


def test_grey_with_alpha_becomes_rgba() -> None:
    pixels = noise(9, 5, 2)
    made = decoded(make(encoded(pixels)).data)
    assert np.array_equal(made, pixels[..., [0, 0, 0, 1]])


def test_sixteen_bits_lose_the_lower_eight() -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (5, 9)).astype(np.uint16)
    out = io.BytesIO()
    Image.fromarray(deep).save(out, "PNG")
    assert read_facts(Source.from_bytes(out.getvalue())).depth == 16
    assert np.array_equal(
        decoded(make(out.getvalue()).data), np.repeat((deep >> 8)[..., None], 3, 2)
    )


def test_sixteen_bit_rgba() -> None:
    deep = np.random.default_rng(2).integers(0, 65536, (5, 9, 4)).astype(np.uint16)
    made = decoded(make(png_chunks(9, 5, 16, 6, deep.astype(">u2").tobytes())).data)
    assert np.array_equal(made, deep >> 8)


def test_one_bit() -> None:
    bits = noise(16, 5, 1) > 127
    source = encoded((bits * 255).astype(np.uint8), mode="1")
    assert np.array_equal(decoded(make(source).data), np.repeat(bits * 255, 3, 2))


def test_palette_with_transparency() -> None:
    picture = Image.new("P", (8, 8))
    picture.putdata((noise(8, 8, 1) % 3).ravel().tolist())
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=bytes([0, 128, 255]))
    expected = np.asarray(Image.open(io.BytesIO(out.getvalue())).convert("RGBA"))
    assert np.array_equal(decoded(make(out.getvalue()).data), expected)


def test_cmyk_without_a_profile() -> None:
    inks = np.zeros((4, 4, 4), np.uint8)
    inks[:2, :2, 1] = inks[:2, :2, 2] = 255  # magenta and yellow are red
    inks[2:, 2:, 3] = 255  # black
    out = io.BytesIO()
    Image.frombytes("CMYK", (4, 4), inks.tobytes()).resize((32, 32), 0).save(
        out, "JPEG", quality=95
    )
    made = decoded(make(out.getvalue()).data)
    red, white, black = made[4, 4].astype(int), made[4, 28].astype(int), made[28, 28].astype(int)
    assert made.shape == (32, 32, 3)
    assert red[0] > 200
    assert max(red[1:]) < 100
    assert white.min() > 250
    assert black.max() < 60


def display_p3() -> bytes:
    return bytes(pyvips.Operation.call("profile_load", "p3"))


def test_display_p3_is_converted() -> None:
    """A saturated P3 red lies outside sRGB, a grey stays where it is."""
    profile = display_p3()
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = (200, 120, 80)
    pixels[:, 8:] = (128, 128, 128)
    source = encoded(pixels, icc_profile=profile)
    made = decoded(make(source).data)
    expected = np.asarray(
        ImageCms.profileToProfile(
            Image.fromarray(pixels),
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
        )
    )
    assert np.abs(made.astype(int) - expected).max() <= 1
    assert np.abs(expected.astype(int) - pixels).max() >= 5
    assert "icc_profile" not in Image.open(io.BytesIO(make(source, destination="o.jpg").data)).info


def test_sixteen_bits_go_through_their_profile_before_they_lose_eight() -> None:
    deep = np.random.default_rng(3).integers(0, 65536, (5, 9, 4)).astype(np.uint16)
    image = pyvips.Image.new_from_memory(deep.tobytes(), 9, 5, 4, "ushort")
    image = image.copy(interpretation="rgb16")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", display_p3())
    made = decoded(make(image.pngsave_buffer()).data)
    converted = image.icc_transform("srgb", embedded=True, depth=16).numpy()
    assert np.array_equal(made[..., :3], converted[..., :3] >> 8)
    assert np.array_equal(made[..., 3], deep[..., 3] >> 8)


def test_a_broken_profile_is_ignored() -> None:
    pixels = noise(9, 5)
    source = encoded(pixels, icc_profile=b"this is no profile" * 20)
    assert np.array_equal(decoded(make(source).data), pixels)


def test_alpha_is_flattened_on_white_for_jpeg() -> None:
    clear = np.zeros((16, 16, 4), np.uint8)
    made = decoded(make(encoded(clear), destination="out.jpg", quality=90).data)
    assert made.shape == (16, 16, 3)
    assert made.min() >= 254


@pytest.mark.parametrize(("kind", "ending"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_formats_read_and_written(kind: str, ending: str) -> None:
    output = make(encoded(smooth(60, 40), kind), destination=f"out.{ending}", quality=95)
    picture = Image.open(io.BytesIO(output.data))
    assert (picture.format, picture.size) == (kind, (60, 40))
    assert output.content_type == f"image/{kind.lower()}"
    assert np.abs(decoded(output.data).astype(int) - smooth(60, 40)).mean() < 4


def test_quality_0_is_written_as_1() -> None:
    source = encoded(noise(64, 64))
    least, one = (make(source, destination="o.jpg", quality=quality).data for quality in (0, 1))
    assert least == one
    assert len(least) < len(make(source, destination="o.jpg", quality=50).data)


def png_chunks(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    stride = len(rows) // height
    raw = b"".join(b"\0" + rows[y * stride : (y + 1) * stride] for y in range(height))

    def chunk(name: bytes, body: bytes) -> bytes:
        return pack(">I", len(body)) + name + body + pack(">I", zlib.crc32(name + body))

    header = pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def bomb() -> bytes:
    return png_chunks(60_000, 60_000, 8, 2, b"\0" * 60_000)


def failure(source: bytes, limits: EngineLimits | None = None) -> DarkroomError:
    results = list(
        render(Source.from_bytes(source), [job(), job()], limits=limits or EngineLimits())
    )
    assert [index for index, _ in results] == [0, 1]
    assert all(isinstance(result, DarkroomError) for _, result in results)
    error = results[0][1]
    assert isinstance(error, DarkroomError)
    return error


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect/></svg>'


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (b"", SourceEmpty, "no bytes"),
        (b"hello, this is text\n" * 9, UnsupportedFormat, "JPEG, PNG, WEBP"),
        (SVG, UnsupportedFormat, "<svg"),
        (b"P6 4 4 255 " + b"\0" * 48, UnsupportedFormat, "P6 4"),
        (b"\xff\xd8\xff", SourceCorrupt, "premature end"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, SourceCorrupt, "cannot be decoded"),
        (b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 99, SourceCorrupt, "cannot be decoded"),
        (bomb(), SourceTooLarge, "3,600,000,000 pixels, the limit is 250,000,000"),
    ],
    ids=["empty", "text", "svg", "ppm", "jpeg", "png", "webp", "bomb"],
)
def test_what_is_no_picture(source: bytes, error: type[DarkroomError], words: str) -> None:
    found = failure(source)
    assert type(found) is error
    assert words in found.message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated(kind: str, share: float) -> None:
    """Half a picture is an error, never a picture with a grey half."""
    data = encoded(noise(200, 150), kind)
    found = failure(data[: int(len(data) * share)])
    assert isinstance(found, SourceCorrupt)


def test_a_source_is_limited_in_bytes_and_pixels() -> None:
    source = encoded(noise(20, 10))
    bytes_error = failure(source, EngineLimits(max_source_bytes=100))
    assert isinstance(bytes_error, SourceTooLarge)
    assert f"{len(source)} bytes, the limit is 100 (max_source_bytes)" in bytes_error.message
    pixels_error = failure(source, EngineLimits(max_source_pixels=199))
    assert isinstance(pixels_error, SourceTooLarge)
    assert "200 pixels, the limit is 199 (max_source_pixels)" in pixels_error.message


def test_the_frames_of_an_animation_count() -> None:
    out = io.BytesIO()
    frames = [Image.fromarray(noise(10, 10, seed=n)) for n in range(5)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert read_facts(Source.from_bytes(out.getvalue())).frames == 5
    error = failure(out.getvalue(), EngineLimits(max_source_pixels=499))
    assert "500 pixels" in error.message
    assert np.array_equal(decoded(make(out.getvalue()).data), noise(10, 10, seed=0))


def test_a_source_can_be_a_path_or_a_descriptor(tmp_path: Path) -> None:
    data = encoded(noise(20, 10))
    path = tmp_path / "named.txt"
    path.write_bytes(data)
    memory = os.memfd_create("source")
    os.write(memory, data)  # and its offset stays at the end
    for source in (Source.from_path(path), Source.from_fd(memory)):
        (first, second) = render(source, [job(), job({"type": "flip", "direction": "x"})])
        assert not isinstance(first[1], DarkroomError)
        assert not isinstance(second[1], DarkroomError)
        assert np.array_equal(decoded(first[1].data), noise(20, 10))
    os.close(memory)
    path.write_bytes(b"")
    assert Source.from_path(path).size == 0
