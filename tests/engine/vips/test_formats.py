"""Formats: sniffed, read and written; files that are damaged, foreign or too large."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from engine import EngineLimits, Source, read_facts, render
from engine.errors import (
    DarkroomError,
    SourceCorrupt,
    SourceEmpty,
    SourceTooLarge,
    UnsupportedFormat,
)
from engine.schema import Format
from engine.sources import HEAD, TRAITS, SourceFormat, sniff
from engine.vips import black
from engine.vips.binding import tells_of_memory
from tests.engine.images import Pixels, decoded, encoded, job, jobs, make, noise, smooth
from tests.engine.uploads import KINDS, SVG, animation, cmyk, png_chunks, written

WITH_SVG = EngineLimits(allow_svg=True)


@pytest.mark.parametrize("name", KINDS)
def test_every_format_is_recognised_by_its_first_bytes(name: str) -> None:
    found = sniff(KINDS[name]()[:HEAD])
    assert found is not None
    assert found.value == name.split(maxsplit=1)[0]


@pytest.mark.parametrize(
    ("brands", "found"),
    [
        (b"avif\0\0\0\0mif1miaf", SourceFormat.AVIF),
        (b"mif1\0\0\0\0miafavif", SourceFormat.AVIF),
        (b"msf1\0\0\0\0hevcmsf1", SourceFormat.HEIC),
        (b"heix\0\0\0\0mif1avif", SourceFormat.HEIC),
        (b"mp42\0\0\0\0isomavc1", None),
    ],
)
def test_brands(brands: bytes, found: SourceFormat | None) -> None:
    assert sniff(b"\0\0\0\x18ftyp" + brands) is found
    assert sniff(b"\0\0\0\x10ftyp" + brands[:8] + b"avifheic") is sniff(
        b"\0\0\0\x10ftyp" + brands[:8]
    ), "what follows the box is no brand"


@pytest.mark.parametrize(
    "svg",
    [
        b"<svg>",
        b"\xef\xbb\xbf\n<?xml version='1.0'?><!-- a > b --><!DOCTYPE svg PUBLIC 'x'>\n<svg a='b'>",
        b"<!doctype svg [<!ENTITY a 'b'>]><s:svg xmlns:s='http://www.w3.org/2000/svg'/>",
    ],
)
def test_svg_is_found_behind_what_may_stand_before_it(svg: bytes) -> None:
    assert sniff(svg) is SourceFormat.SVG
    for other in (b"<p>" + svg, svg.replace(b"svg", b"svgx"), b"x" + svg):
        assert sniff(other) is None


@pytest.mark.parametrize("name", [name for name in KINDS if name != "svg"])
def test_every_kind_becomes_every_format(name: str) -> None:
    """Of the right format and size, upright, with the colours of the lossless result."""
    source = Source.from_bytes(KINDS[name]())
    wanted = [
        made
        for ending in ("png", "tif", "jpg", "webp", "gif", "avif")
        for made in jobs([], destination=f"o.{ending}", quality=95)
    ]
    plain: Pixels | None = None
    for _, output in render(source, wanted):
        assert not isinstance(output, DarkroomError), output
        image = Image.open(io.BytesIO(output.data))
        assert image.format == output.format.value.upper()
        assert image.size == (output.width, output.height)
        assert output.content_type == f"image/{output.format.value}"
        pixels = np.asarray(image.convert("RGBA")).astype(int)
        plain = pixels if plain is None else plain
        assert pixels.shape == plain.shape
        tolerance = 0.01 if output.format is Format.TIFF else 15
        if output.format is not Format.GIF or plain[..., 3].min() == 255:
            assert np.abs(_on_white(pixels) - _on_white(plain)).mean() < tolerance


def _on_white(pixels: Pixels) -> Any:
    alpha = pixels[..., 3:] / 255
    return pixels[..., :3] * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("ending", ["jpg", "webp", "avif"])
def test_a_good_quality_keeps_a_photograph(ending: str) -> None:
    output = make(encoded(smooth(60, 40)), destination=f"out.{ending}", quality=95)
    assert np.abs(decoded(output.data).astype(int) - smooth(60, 40)).mean() < 2


@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "webp", "gif", "avif"])
@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 7)])
def test_any_shape_can_be_written(ending: str, size: tuple[int, int]) -> None:
    output = make(encoded(smooth(*size)), destination=f"out.{ending}")
    image = Image.open(io.BytesIO(output.data))
    image.load()
    assert image.size == size == (output.width, output.height)


@pytest.mark.parametrize("wanted", Format)
def test_the_longest_side_of_a_format_is_known(wanted: Format) -> None:
    """One pixel more than `max_side` is beyond the encoder; `max_side` itself is not."""
    most = TRAITS[wanted].max_side
    if most > 70_000:
        return
    long = black(most, 1)
    encoders = {
        Format.JPEG: long.jpegsave_buffer,
        Format.WEBP: long.webpsave_buffer,
        Format.GIF: long.gifsave_buffer,
        Format.AVIF: lambda: long.heifsave_buffer(compression="av1", effort=0),
    }
    assert encoders[wanted]()
    limits = EngineLimits(max_output_side=100_000)
    step = {"type": "resize", "width": most + 1, "height": 1}
    wanted_job = job(step, destination=f"o.{wanted.value}")
    ((_, error),) = render(Source.from_bytes(encoded(smooth(9, 1))), [wanted_job], limits=limits)
    assert isinstance(error, DarkroomError)
    assert f"the limit is {most:,} (of {wanted.value} itself)" in error.message


@pytest.mark.parametrize("ending", ["png", "webp", "gif", "avif", "tif"])
def test_transparency_is_written(ending: str) -> None:
    half = np.dstack([smooth(40, 40), np.zeros((40, 40), np.uint8)])
    half[:, 20:, 3] = 255
    output = make(encoded(half), destination=f"o.{ending}", quality=90)
    alpha = np.asarray(Image.open(io.BytesIO(output.data)).convert("RGBA"))[..., 3]
    assert alpha[:, :18].max() < 10
    assert alpha[:, 22:].min() > 245


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "avif", "tif", "gif"])
@pytest.mark.parametrize("kind", ["jpeg profile", "jpeg turned", "png 16 bit", "tiff cmyk"])
def test_a_result_carries_no_profile_and_no_metadata(kind: str, ending: str) -> None:
    data = make(KINDS[kind](), destination=f"o.{ending}").data
    image = Image.open(io.BytesIO(data))
    assert not {"icc_profile", "exif", "xmp", "photoshop", "comment"} & set(image.info)
    assert not {0x0112, 0x8769, 0x013B, 0x8298} & set(image.getexif()) - {0x0112}
    assert image.getexif().get(0x0112, 1) == 1
    assert b"Exif" not in data


def test_quality_0_is_written_as_1() -> None:
    source = encoded(noise(64, 64))
    for ending in ("jpg", "webp", "avif"):
        least, one, more = (
            make(source, destination=f"o.{ending}", quality=quality).data for quality in (0, 1, 60)
        )
        assert least == one
        assert len(least) < len(more)


def test_arithmetic_coding_is_read() -> None:
    made = decoded(make(KINDS["jpeg arithmetic"]()).data)
    assert np.abs(made.astype(int) - smooth(24, 10)).max() < 20


def test_svg_is_read_only_when_allowed() -> None:
    with pytest.raises(
        UnsupportedFormat, match=r"got SVG, which is not allowed here \(allow_svg\)"
    ):
        read_facts(Source.from_bytes(SVG))
    ((_, output),) = render(Source.from_bytes(SVG), [job()], limits=WITH_SVG)
    assert not isinstance(output, DarkroomError)
    made = decoded(output.data)
    assert made.shape == (10, 24, 4)
    assert tuple(made[5, 5]) == (255, 136, 0, 255)
    assert made[5, 20, 3] == 0
    with pytest.raises(pyvips.Error, match="block"):
        pyvips.Image.svgload_buffer(SVG)
    large = SVG.replace(b'width="24" height="10"', b'width="50000" height="50000"', 1)
    with pytest.raises(SourceTooLarge):
        read_facts(Source.from_bytes(large), WITH_SVG)


def test_an_svg_sees_no_files(tmp_path: Path) -> None:
    """A link to a file, and an entity that includes one, show nothing of it."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(np.full((9, 9, 3), 200, np.uint8)))
    (tmp_path / "secret.svg").write_bytes(SVG)
    uri = secret.as_uri().encode()
    head = b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xi="http://www.w3.org/2001/XInclude" '
    for body in (
        b'<image href="%s" width="9" height="9"/>' % uri,
        b'<xi:include href="%s"/>' % uri.replace(b".png", b".svg"),
        b'<use href="%s#a"/>' % uri.replace(b".png", b".svg"),
    ):
        svg = head + b'width="9" height="9">' + body + b"</svg>"
        ((_, output),) = render(Source.from_bytes(svg), [job()], limits=WITH_SVG)
        assert not isinstance(output, DarkroomError)
        assert decoded(output.data).max() == 0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"hello, this is text\n" * 9, r"got a file that begins with b'hello, t'"),
        (b"P6 4 4 255 " + b"\0" * 48, "got a PNM image"),
        (b"%PDF-1.7 " + b"\0" * 48, "got a PDF document"),
        (b"BM" + b"\1\2\3\4" + b"\0" * 48, "got a BMP image"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 48, "got a video"),
        (b"\0\0\0\x14ftypmif1\0\0\0\0mif1", "got a HEIF image that is neither AVIF nor HEIC"),
        (b"\xff\x0a" + b"\0" * 48, "got a JPEG XL image"),
        (b"<!DOCTYPE html><html><svg></svg>", "got an HTML page"),
        (b"<?xml version='1.0'?><rss/>", "got an XML document that is no SVG"),
        (b"x", r"got a file that begins with b'x'"),
    ],
)
def test_what_is_no_image_is_named(source: bytes, message: str) -> None:
    found = failure(source)
    assert type(found) is UnsupportedFormat
    assert found.message.startswith("expected an image in JPEG, PNG, WEBP, GIF, AVIF, TIFF")
    assert message in found.message


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (b"", SourceEmpty, "no bytes"),
        (b"\xff\xd8\xff", SourceCorrupt, "premature end"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, SourceCorrupt, "cannot be decoded"),
        (b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 99, SourceCorrupt, "cannot be decoded"),
        (b"GIF89a" + b"\0" * 99, SourceCorrupt, "cannot be decoded"),
        (b"GIF89a\1", SourceCorrupt, "ends before its last pixels"),
        (b"II*\0" + b"\0" * 99, SourceCorrupt, "cannot be decoded"),
        (b"\0\0\0\x14ftypavif\0\0\0\0mif1" + b"\0" * 99, SourceCorrupt, "cannot be decoded"),
    ],
    ids=["empty", "jpeg", "png", "webp", "gif", "short gif", "tiff", "avif"],
)
def test_a_beginning_alone_is_no_image(
    source: bytes, error: type[DarkroomError], message: str
) -> None:
    found = failure(source)
    assert type(found) is error
    assert message in found.message


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


LARGE = noise(200, 150)
WHOLE = {
    "jpeg": lambda: encoded(LARGE, "JPEG"),
    "jpeg progressive": lambda: encoded(LARGE, "JPEG", progressive=True),
    "jpeg cmyk": lambda: cmyk(noise(200, 150, 4)),
    "png": lambda: encoded(LARGE),
    "webp": lambda: encoded(LARGE, "WEBP"),
    "webp animated": lambda: animation("WEBP", [LARGE, LARGE // 2], [90, 90]),
    "gif": lambda: encoded(LARGE, "GIF"),
    "gif animated": lambda: animation("GIF", [LARGE, LARGE // 2], [90, 90]),
    "avif": lambda: encoded(LARGE, "AVIF"),
    "tiff": lambda: encoded(LARGE, "TIFF"),
    "tiff tiles": lambda: written(LARGE, ".tif", "srgb", tile=True, bigtiff=True),
    "tiff deflate": lambda: encoded(LARGE, "TIFF", compression="tiff_deflate"),
}


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.95])
@pytest.mark.parametrize("kind", WHOLE)
def test_truncated(kind: str, share: float) -> None:
    """Half an image is an error, never an image with a grey half."""
    data = WHOLE[kind]()
    found = failure(data[: int(len(data) * share)])
    assert isinstance(found, SourceCorrupt)


def test_a_field_that_claims_to_be_huge_is_no_lack_of_memory() -> None:
    tiff = bytearray(encoded(noise(9, 5), "TIFF"))
    compression = tiff.index(b"\x03\x01\x03\x00")  # its tag, and that it is short
    tiff[compression + 2 : compression + 8] = b"\x04\x00\xff\xff\xff\x1f"
    found = failure(bytes(tiff))
    assert isinstance(found, SourceCorrupt)


@pytest.mark.parametrize(
    ("words", "lacks"),
    [
        ("vips_tracked: out of memory -- size == 36MB", True),
        ("glib: Error creating thread: Resource temporarily unavailable", True),
        ("Memory allocation error: Unspecified: Allocating 1327104 bytes failed", True),
        ("Memory allocation error: Invalid image size: zero width or height", False),
        ("Memory allocation error: Security limit exceeded: Image size 9x9 exceeds", False),
    ],
)
def test_a_lack_of_memory_is_no_fault_of_the_file(words: str, lacks: bool) -> None:
    assert tells_of_memory(words) == lacks


def test_a_gif_without_its_last_bytes_is_whole() -> None:
    whole = KINDS["gif animated"]()
    assert whole[-2:] == b"\0;"
    assert [read_facts(Source.from_bytes(whole[:-cut])).frames for cut in (1, 2)] == [3, 3]
    assert isinstance(failure(whole[:-9]), SourceCorrupt)


def test_a_bomb_is_refused_by_its_header() -> None:
    found = failure(bomb())
    assert isinstance(found, SourceTooLarge)
    assert "3,600,000,000 pixels, the limit is 250,000,000" in found.message


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


@pytest.mark.parametrize(
    ("frame", "bits", "name"),
    [
        (0xC3, 8, "lossless JPEG"),
        (0xC5, 8, "hierarchical JPEG"),
        (0xCB, 8, "lossless arithmetic JPEG"),
        (0xC9, 12, "arithmetic JPEG of 12 bits"),
        (0xC1, 12, "JPEG of 12 bits"),
    ],
)
def test_kinds_of_jpeg_that_are_not_decoded_are_named(frame: int, bits: int, name: str) -> None:
    data = bytearray(encoded(smooth(16, 16), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = frame, bits
    with pytest.raises(UnsupportedFormat, match=f"got {name}$"):
        read_facts(Source.from_bytes(bytes(data)))


def test_a_hierarchy_that_begins_with_a_plain_frame_is_named() -> None:
    data = encoded(smooth(16, 16), "JPEG")
    at = data.index(b"\xff\xc0")
    announced = b"\xff\xde" + data[at + 2 : data.index(b"\xff", at + 2)]
    with pytest.raises(UnsupportedFormat, match=r"got hierarchical JPEG$"):
        read_facts(Source.from_bytes(data[:at] + announced + data[at:]))
