"""Metadata of any size and shape is read within moments, and of all of it only so much."""

from struct import pack

import pytest

from engine.sources import (
    EXIF,
    IPTC,
    XMP,
    Source,
    SourceFormat,
    jpeg,
    rights_only,
    with_short_xmp,
)
from engine.sources.metadata.xmp import MOST_BYTES, MOST_ELEMENTS, read_lists
from engine.vips import load, read_facts
from tests.attack.bombs.frames import webp_with
from tests.attack.bombs.jpeg import segment
from tests.engine.images import encoded, smooth
from tests.hostile.guard import ends

SPACES = (
    b'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    b'xmlns:d="http://purl.org/dc/elements/1.1/" '
)
LARGE = 4_000_000  # bytes


def packet(body: bytes, more: bytes = b"") -> bytes:
    return b"<r:RDF " + SPACES + more + b">" + body + b"</r:RDF>"


def nested(opener: bytes, closer: bytes, size: int = 460_000) -> bytes:
    count = size // len(opener + closer)
    return opener * count + closer * count


def prefixes(count: int) -> bytes:
    """Nest elements each of which declares a prefix more."""
    openers = (b'<a xmlns:p%d="u">' % number for number in range(count))
    return b"".join(openers) + b"</a>" * count


def field(tag: int, size: int) -> bytes:
    """Write EXIF with a text of so many bytes."""
    return b"II*\0" + pack("<IHHHIII", 8, 1, tag, 2, size, 26, 0) + b"a" * size


LABELS = {
    "nested creators": {XMP: packet(nested(b"<d:creator><r:li>a", b"</r:li></d:creator>"))},
    "nested items": {XMP: packet(b"<d:rights>" + nested(b"<r:li>a", b"</r:li>") + b"</d:rights>")},
    "creators that do not end": {XMP: packet(b"<d:creator><r:li>" * (LARGE // 17))},
    "a name as long as the namespace": {
        XMP: packet(b"<c:a/>" * 80_000, b'xmlns:c="' + b"u" * 500_000 + b'"')
    },
    "prefixes": {XMP: packet(prefixes(20_000))},
    "attributes": {XMP: packet(b"<a %s/>" % b" ".join(b'a%d=""' % n for n in range(80_000)))},
    "items": {XMP: packet(b"<d:creator>" + b"<r:li>ab</r:li>" * (LARGE // 15) + b"</d:creator>")},
    "one long item": {XMP: packet(b"<d:rights><r:li>" + b"a&amp;" * (LARGE // 6))},
    "entities": {XMP: b'<!DOCTYPE a [<!ENTITY a "%s">]><a>%s</a>' % (b"a" * 9999, b"&a;" * 99_999)},
    "resources": {IPTC: b"Photoshop 3.0\0" + b"8BIM\4\5\0\0\0\0\0\0" * (LARGE // 12)},
    "datasets": {IPTC: b"\x1c\2\x50\0\0" * (LARGE // 5)},
    "fields": {
        EXIF: b"II+\0" + pack("<IQQ", 8, 16, LARGE) + pack("<HHQQ", 9, 2, 9, 0) * (LARGE // 4)
    },
    "an artist": {EXIF: field(0x013B, LARGE)},
}


@pytest.mark.parametrize("name", LABELS)
def test_hostile_metadata_is_read_soon(name: str) -> None:
    with ends(name):
        kept = rights_only(Source.from_bytes(b"x"), SourceFormat.JPEG, LABELS[name])
    assert sum(map(len, kept.values())) < 100_000


def test_of_elements_without_end_the_first_are_looked_at() -> None:
    name, more = b"<d:creator><r:li>Ada</r:li></d:creator>", b"<a/>" * MOST_ELEMENTS
    for body, found in ((name + more, ["Ada"]), (more + name, [])):
        assert [item.text for item in read_lists(packet(body), ["creator"])["creator"]] == found


def test_much_metadata_that_nobody_reads_is_left_out() -> None:
    plain = encoded(smooth(8, 8), "JPEG")
    for count, left_out in ((10, False), (40, True)):
        used = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
        unused = [segment(marker, b"a" * 60_000) for marker in (0xE1, 0xFE)] * (count // 2)
        data = plain[:2] + used + b"".join(unused) + plain[2:]
        whole = plain[:2] + used + plain[2:]
        assert jpeg.mended(data) == (whole if left_out else data)


@pytest.mark.parametrize(("count", "read"), [(118, 100), (255, 100), (256, 0)])
def test_as_many_segments_of_a_profile_are_copied_as_are_read(count: int, read: int) -> None:
    """They are numbered in a byte; more than 255 are no profile. libvips joins a hundred."""
    plain = encoded(smooth(8, 8), "JPEG")
    parts = (pack(">BB", at % 256, min(count, 255)) for at in range(1, count + 1))
    profile = [segment(0xE2, b"ICC_PROFILE\0" + part + b"a" * 60_000) for part in parts]
    data = plain[:2] + b"".join(profile) + plain[2:]
    assert jpeg.mended(data) == plain[:2] + b"".join(profile[:read]) + plain[2:]
    facts = read_facts(Source.from_bytes(data))
    assert facts.profile_bytes == read * 60_000


def test_long_xmp_of_webp_is_cut_off_where_nobody_looks() -> None:
    padded = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>".ljust(3 * MOST_BYTES)
    whole = webp_with(b"XMP ", padded)
    short = bytes(with_short_xmp(whole))
    assert len(short) < MOST_BYTES + 1000
    assert read_facts(Source.from_bytes(whole)) == read_facts(Source.from_bytes(short))
    kept = load(Source.from_bytes(whole), SourceFormat.WEBP).get("xmp-data")
    assert padded.startswith(kept)
    assert len(kept) > MOST_BYTES
    assert with_short_xmp(short) is short
    assert with_short_xmp(cut := whole[:-1]) is cut
