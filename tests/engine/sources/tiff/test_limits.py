"""Directories that ask for too much are refused before anything is read of what they name."""

import pytest

from engine import EngineLimits, Source, read_facts
from engine.errors import DarkroomError, SourceCorrupt, SourceTooLarge
from engine.sources.tiff import Directory
from tests.engine.images import noise
from tests.engine.tiff_files import LONG, SHORT, Tiff

RGB = Tiff(noise(9, 30), rows=1)
MUCH = 2**32 - 1


def refused(data: bytes, limits: EngineLimits | None = None) -> DarkroomError:
    with pytest.raises(DarkroomError) as found:
        read_facts(Source.from_bytes(data), limits or EngineLimits())
    return found.value


def test_fields_are_counted() -> None:
    fields = [(40_000 + number, SHORT, [1]) for number in range(20)]
    data = bytes(RGB.but(fields=fields))
    announced = Directory(data).announced
    assert read_facts(Source.from_bytes(data), EngineLimits(max_tiff_fields=announced)).width == 9
    error = refused(data, EngineLimits(max_tiff_fields=announced - 1))
    assert isinstance(error, SourceTooLarge)
    assert f"{announced} fields, the limit is {announced - 1} (max_tiff_fields)" in error.message


@pytest.mark.parametrize("big", [False, True])
def test_strips_are_counted(big: bool) -> None:
    data = bytes(RGB.but(big=big))
    assert read_facts(Source.from_bytes(data), EngineLimits(max_tiff_strips=30)).height == 30
    error = refused(data, EngineLimits(max_tiff_strips=29))
    assert isinstance(error, SourceTooLarge)
    assert "30 strips or tiles, the limit is 29 (max_tiff_strips)" in error.message


def hostile(*fields: tuple[int, int, list[int]], count: int = MUCH) -> bytes:
    """Let the fields claim to have so many values that the file would have to be larger."""
    data = bytearray(bytes(RGB.but(fields=fields)))
    for tag, kind, _ in fields:
        at = data.rindex(tag.to_bytes(2, "little") + kind.to_bytes(2, "little"))
        data[at + 4 : at + 8] = count.to_bytes(4, "little")
    return bytes(data)


HOSTILE = {
    "strips": hostile((273, LONG, [8, 8]), (279, LONG, [8, 8])),
    "strips, just within the limit": hostile((273, LONG, [8, 8]), count=100_000),
    "size": bytes(RGB.but(fields=[(256, LONG, [MUCH]), (257, LONG, [MUCH])])),
    "long rows": bytes(RGB.but(fields=[(256, LONG, [240_000_000]), (257, LONG, [1])])),
    "samples": bytes(RGB.but(fields=[(277, SHORT, [65_535])])),
    "rows": bytes(RGB.but(fields=[(257, LONG, [20_000_000])])),
    "a directory within the header": b"II*\0\4\0\0\0" + bytes(99),
    "no directory": b"MM\0*\xff\xff\xff\xf0",
    "a large directory": b"II+\0\x08\0\0\0\x10" + bytes(7) + b"\xff" * 8,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_asks_for_much_gets_nothing(name: str) -> None:
    error = refused(HOSTILE[name])
    assert error.code in {"source_corrupt", "source_too_large", "unsupported_format"}


def test_a_chain_of_directories_is_not_followed() -> None:
    """The first is said to follow itself, forever."""
    data = bytearray(bytes(RGB))
    place = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[place : place + 2], "little")
    end = place + 2 + 12 * count
    data[end : end + 4] = place.to_bytes(4, "little")
    assert read_facts(Source.from_bytes(bytes(data))).width == 9


def test_of_fields_that_are_there_twice_the_first_counts() -> None:
    data = bytearray(bytes(RGB.but(fields=[(255, LONG, [7])])))
    at = data.index(b"\xff\0\4\0")
    data[at : at + 2] = (256).to_bytes(2, "little")
    assert read_facts(Source.from_bytes(bytes(data))).width == 7


@pytest.mark.parametrize("tag", [256, 257, 273, 279])
def test_what_must_be_there_is_missed(tag: int) -> None:
    error = refused(bytes(RGB.but(without=[tag], compression=8)))
    assert isinstance(error, SourceCorrupt)
    assert error.message.startswith("the image cannot be decoded: ")
