"""The artist and copyright of an image: the only metadata that a job may keep.

Artist and copyright are read where EXIF, XMP and IPTC have them, and rewritten, with
nothing else: EXIF's Artist and Copyright, XMP's dc:creator and dc:rights, IPTC's By-line and
Copyright Notice. A kind that the source lacks is filled from the others, EXIF first.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from struct import error as unpackable
from struct import pack, unpack_from
from typing import NamedTuple

from engine.sources.facts import SourceFormat
from engine.sources.metadata.xmp import Item, read_lists
from engine.sources.source import Buffer, Source
from engine.sources.tiff.directory import Directory

LONGEST = 2_000  # characters of a name; what is longer is cut
MOST_FIELDS, MOST_RESOURCES = 4096, 4096  # what comes after them is not looked at
MOST_IPTC = 256 * 1024  # bytes, alike
EXIF, XMP, IPTC = "exif-data", "xmp-data", "iptc-data"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]+")

_ARTIST, _COPYRIGHT = 0x013B, 0x8298
_BY_LINE, _NOTICE = 80, 116
_PHOTOSHOP = b"Photoshop 3.0\0"
_UTF8 = b"\x1c\x01\x5a\x00\x03\x1b%G"
_PACKET = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/">{}</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""
_CREATOR = "<dc:creator><rdf:Seq><rdf:li>{}</rdf:li></rdf:Seq></dc:creator>"
_RIGHTS = '<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt></dc:rights>'


class Rights(NamedTuple):
    """An image's artist and copyright, either of which may be empty."""

    artist: str = ""
    copyright: str = ""

    def or_else(self, other: "Rights") -> "Rights":
        """Fill what is empty."""
        return Rights(self.artist or other.artist, self.copyright or other.copyright)


def rights_only(
    source: Source, source_format: SourceFormat, labels: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Rewrite a source's EXIF, XMP and IPTC, with artist and copyright and nothing else.

    `labels` are the source's own, by their names in libvips; so are those that are given.
    TIFF has EXIF's fields in its own directory. Damaged metadata counts as none.
    """
    tiff = source.data if source_format is SourceFormat.TIFF else b""
    exif = labels.get(EXIF, b"").removeprefix(b"Exif\0\0")
    found = {
        EXIF: _from_directory(exif).or_else(_from_directory(tiff)),
        XMP: _from_xmp(labels.get(XMP, b"")),
        IPTC: _from_iptc(labels.get(IPTC, b"")),
    }
    merged = found[EXIF].or_else(found[XMP]).or_else(found[IPTC])
    if merged == Rights():
        return {}
    writers = {EXIF: _as_exif, XMP: _as_xmp, IPTC: _as_iptc}
    return {name: writers[name](found[name].or_else(merged)) for name in writers}


def _clean(raw: bytes | str) -> str:
    """Read text of unknown encoding as one line; EXIF may hold two, with a NUL between."""
    try:
        text = raw if isinstance(raw, str) else raw.decode()
    except UnicodeDecodeError:
        text = str(raw, "latin-1")  # type: ignore[arg-type]  # a str does not raise this
    lines = (line.strip() for line in CONTROL.split(text))
    return "; ".join(filter(None, lines))[:LONGEST]


def _from_directory(data: Buffer) -> Rights:
    directory = Directory(data, MOST_FIELDS)
    artist, owner = (directory.raw(tag, 4 * LONGEST) for tag in (_ARTIST, _COPYRIGHT))
    return Rights(_clean(artist), _clean(owner))


def _from_xmp(raw: bytes) -> Rights:
    """Join all creators; of the rights, which are one text in several languages, take one."""
    found = read_lists(raw, ("creator", "rights"))
    default_first = sorted(found["rights"], key=lambda item: item.language != "x-default")
    return Rights("; ".join(_texts(found["creator"]))[:LONGEST], "".join(_texts(default_first)[:1]))


def _texts(items: Iterable[Item]) -> list[str]:
    return list(filter(None, (_clean(item.text) for item in items)))


def _from_iptc(raw: bytes) -> Rights:
    fields: dict[int, list[bytes]] = {}
    for record, number, value in _datasets(_out_of_photoshop(raw)[:MOST_IPTC]):
        if record == 2:
            fields.setdefault(number, []).append(value)
    artist, owner = (fields.get(number, []) for number in (_BY_LINE, _NOTICE))
    return Rights("; ".join(map(_clean, artist))[:LONGEST], _clean(b"".join(owner[:1])))


def _out_of_photoshop(raw: bytes) -> bytes:
    """Take IPTC's part out of Photoshop's list of resources, as JPEG holds it."""
    if not raw.startswith(_PHOTOSHOP):
        return raw
    at = len(_PHOTOSHOP)
    try:
        for _ in range(MOST_RESOURCES):
            marker, number = unpack_from(">4sH", raw, at)
            if marker != b"8BIM":
                break
            at += 6 + (raw[at + 6] + 2) // 2 * 2
            (length,) = unpack_from(">I", raw, at)
            if number == 0x0404:
                return raw[at + 4 : at + 4 + length]
            at += 4 + (length + 1) // 2 * 2
    except (unpackable, IndexError):
        pass
    return b""


def _datasets(raw: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at + 5 <= len(raw) and raw[at] == 0x1C:
        record, number, length = unpack_from(">BBH", raw, at + 1)
        yield record, number, raw[at + 5 : at + 5 + length]
        at += 5 + length


def _as_exif(rights: Rights) -> bytes:
    """Write a TIFF directory of the two texts, in UTF-8."""
    texts = {_ARTIST: rights.artist, _COPYRIGHT: rights.copyright}
    given = {tag: f"{text}\0".encode() for tag, text in texts.items() if text}
    at = 8 + 2 + 12 * len(given) + 4
    entries, bodies = b"", b""
    for tag, body in given.items():
        inline = len(body) <= 4  # TIFF 6.0: what fits there stands in place of its offset
        entries += pack("<HHI", tag, 2, len(body))
        entries += body.ljust(4, b"\0") if inline else pack("<I", at + len(bodies))
        bodies += b"" if inline else body
    return b"Exif\0\0II*\0" + pack("<IH", 8, len(given)) + entries + bytes(4) + bodies


def _as_xmp(rights: Rights) -> bytes:
    """Write the packet in ASCII, for libvips gives PNG's to readers that expect Latin-1."""
    parts = [
        words.format(escape(text, quote=False))
        for words, text in ((_CREATOR, rights.artist), (_RIGHTS, rights.copyright))
        if text
    ]
    return _PACKET.format("".join(parts)).encode("ascii", "xmlcharrefreplace")


def _as_iptc(rights: Rights) -> bytes:
    """Write IPTC's two fields within Photoshop's list of resources."""
    body = _UTF8
    for number, text in ((_BY_LINE, rights.artist), (_NOTICE, rights.copyright)):
        if text:
            value = text.encode()
            body += pack(">BBBH", 0x1C, 2, number, len(value)) + value
    resource = b"8BIM" + pack(">HHI", 0x0404, 0, len(body)) + body
    return _PHOTOSHOP + resource + bytes(len(body) % 2)
