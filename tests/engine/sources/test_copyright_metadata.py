"""keep: artist and copyright are kept, and no other metadata."""

import io
import json
from struct import pack
from typing import Any
from xml.etree import ElementTree

import pytest
import pyvips
from PIL import Image, IptcImagePlugin, TiffImagePlugin

from engine import InvalidRequest, Source, parse_batch
from engine.explain import explain
from engine.sources import EXIF, IPTC, XMP, SourceFormat, rights_only
from engine.sources import Source as Bytes
from engine.sources.metadata.copyright_metadata import LONGEST, Rights
from engine.sources.tiff.directory import Directory
from tests.engine.images import encoded, job, make, noise
from tests.engine.uploads import FRAMES, animation

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
ARTIST, OWNER = "Zoë & Söhne <写真>", "© 2024 Zoë"
GPS, CAMERA, ORIENTATION = 0x8825, 0x0110, 0x0112
PLACES = {"jpg": {"exif", "xmp", "iptc"}, "tif": {"xmp"}, "png": {"exif", "xmp"},
          "webp": {"exif", "xmp"}, "avif": {"exif", "xmp"}}  # fmt: skip
PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:d="http://purl.org/dc/elements/1.1/" xmlns:e="http://ns.adobe.com/exif/1.0/" '
    b'e:GPSLatitude="47,3N"><d:creator><rdf:Seq><rdf:li>Ada</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq>'
    b'</d:creator><d:rights><rdf:Alt><rdf:li xml:lang="x-default">All &amp; sundry</rdf:li>'
    b'<rdf:li xml:lang="de">Alle</rdf:li></rdf:Alt></d:rights><d:title>Secret</d:title>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def exif(**more: Any) -> Image.Exif:
    found = Image.Exif()
    found[0x013B], found[0x8298] = ARTIST.encode(), OWNER.encode()
    found[CAMERA], found[ORIENTATION] = "Secret camera", 6
    found.get_ifd(GPS).update({1: "N", 2: (47.0, 3.0, 0.0)})
    return found


def iptc(*datasets: tuple[int, bytes]) -> bytes:
    body = b"".join(pack(">BBBH", 0x1C, 2, number, len(text)) + text for number, text in datasets)
    other = b"8BIM" + pack(">HHI", 0x03ED, 0, 3) + b"abc\0"
    return b"Photoshop 3.0\0" + other + b"8BIM" + pack(">HHI", 0x0404, 0, len(body)) + body


def labelled(suffix: str, **labels: bytes) -> bytes:
    pixels = noise(16, 12)
    image = pyvips.Image.new_from_memory(pixels.tobytes(), 16, 12, 3, "uchar")
    image = image.copy(interpretation="srgb")
    for name, label in labels.items():
        image.set_type(pyvips.GValue.blob_type, f"{name}-data", label)
    return bytes(image.write_to_buffer(suffix, keep="all"))


def rights_in(data: bytes) -> dict[str, Rights]:
    """Read by Pillow what a result says of its artist and owner, by kind of metadata."""
    image = Image.open(io.BytesIO(data))
    found: dict[str, Rights] = {}
    tags = image.getexif()
    if 0x013B in tags or 0x8298 in tags:
        read = (str(tags.get(tag, "")).encode("latin-1").decode() for tag in (0x013B, 0x8298))
        found["exif"] = Rights(*(text.rstrip("\0") for text in read))
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if xmp:
        [described] = ElementTree.fromstring(xmp).iter(f"{RDF}Description")
        fields = {field.tag.rpartition("}")[2]: field for field in described}
        texts = {name: field[0][0].text or "" for name, field in fields.items()}
        found["xmp"] = Rights(artist=texts.pop("creator", ""), copyright=texts.pop("rights", ""))
        assert not texts
    if sets := IptcImagePlugin.getiptcinfo(image):
        assert set(sets) <= {(1, 90), (2, 80), (2, 116)}
        values = (sets.get((2, number), b"") for number in (80, 116))
        found["iptc"] = Rights(*(value.decode() for value in values if isinstance(value, bytes)))
    return found


@pytest.mark.parametrize("ending", PLACES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_exif_of_every_format_comes_through(kind: str, ending: str) -> None:
    source = encoded(noise(16, 12), kind, exif=exif())
    data = make(source, destination=f"o.{ending}", keep="copyright").data
    assert rights_in(data) == dict.fromkeys(PLACES[ending], Rights(ARTIST, OWNER))
    for secret in (b"Secret", b"GPS"):
        assert secret not in data
    tags = Image.open(io.BytesIO(data)).getexif()
    assert not {GPS, CAMERA} & set(tags)
    assert tags.get(ORIENTATION, 1) == 1
    assert rights_in(make(source, destination=f"o.{ending}").data) == {}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_xmp_comes_through_without_the_rest(suffix: str) -> None:
    data = make(labelled(suffix, xmp=PACKET), destination="o.jpg", keep=["copyright"]).data
    assert set(rights_in(data).values()) == {Rights("Ada; Bob", "All & sundry")}
    assert b"Secret" not in data
    assert b"GPS" not in data


def test_iptc_comes_through_without_the_rest() -> None:
    notice = "© Zoë".encode("cp1252")
    fields = iptc((5, b"Secret"), (80, "Zoë".encode()), (80, b"Bob"), (116, notice))
    data = make(labelled(".jpg", iptc=fields), destination="o.jpg", keep="copyright").data
    assert rights_in(data)["iptc"] == Rights("Zoë; Bob", "© Zoë")
    assert b"Secret" not in data


def test_each_kind_keeps_its_own_and_lends_it_to_those_without() -> None:
    source = labelled(".jpg", xmp=PACKET, iptc=iptc((116, b"of IPTC")))
    found = rights_in(make(source, destination="o.jpg", keep="copyright").data)
    assert found == {
        "exif": Rights("Ada; Bob", "All & sundry"),
        "xmp": Rights("Ada; Bob", "All & sundry"),
        "iptc": Rights("Ada; Bob", "of IPTC"),
    }


def test_without_any_there_is_nothing_to_keep() -> None:
    plain = encoded(noise(9, 5), "JPEG")
    kept = make(plain, destination="o.jpg", keep="copyright").data
    assert kept == make(plain, destination="o.jpg").data


def test_animations_keep_it_too() -> None:
    out = io.BytesIO()
    first, *others = map(Image.fromarray, FRAMES)
    first.save(out, "WEBP", save_all=True, append_images=others, exif=exif())
    output = make(out.getvalue(), destination="o.webp", keep="copyright")
    assert output.frames == 3
    assert rights_in(output.data)["exif"] == Rights(ARTIST, OWNER)
    still = animation("GIF", FRAMES, [50] * 3)
    assert make(still, destination="o.webp", keep="copyright").frames == 3


@pytest.mark.parametrize(
    "labels",
    [
        {EXIF: b"II*\0\xff\xff\xff\xff"},
        {EXIF: b"Exif\0\0MM\0*\0\0\0\x08\0\1\x82\x98\0\2\xff\xff\xff\xff\0\0\0\0"},
        {EXIF: b""},
        {XMP: b"<x:xmpmeta><unclosed>"},
        {XMP: b'<!DOCTYPE a [<!ENTITY b "c">]>' + PACKET.replace(b"Ada", b"&b;")},
        {XMP: ("\ufeff<!DOCTYPE a>" + PACKET.decode()).encode("utf-16-le")},
        {XMP: ("\ufeff<!DOCTYPE a>" + PACKET.decode()).encode("utf-16-be")},
        {XMP: b"<?xml version='1.0' encoding='no-such'?>" + PACKET},
        {XMP: PACKET.removesuffix(b"</x:xmpmeta>")},
        {XMP: b"\xff\xfe\0"},
        {IPTC: b"Photoshop 3.0\x008BIM\x04\x04\0"},
        {IPTC: b"Photoshop 3.0\x008BIM\x04\x03\xff\xff\xff\xff\xff\xff"},
        {IPTC: b"\x1c\x02\x74\xff\xff"},
        {IPTC: b"\x1c\x02"},
    ],
)
def test_damaged_metadata_counts_as_none(labels: dict[str, bytes]) -> None:
    assert rights_only(Bytes.from_bytes(b"x"), SourceFormat.JPEG, labels) == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_xmp_is_read_in_any_encoding(encoding: str) -> None:
    """Comments, a marked section and what comes after the root change nothing."""
    packet = PACKET.decode().replace("Ada", "<!-- her --><![CDATA[Zoë]]>")
    assert read(packet.encode(encoding) + b"\0\0") == Rights("Zoë; Bob", "All & sundry")


def test_of_alternatives_the_default_counts() -> None:
    """Else the first that says something; languages of creators mean nothing."""
    turned = PACKET.replace(
        b'<rdf:li xml:lang="x-default">', b'<rdf:li xml:lang="fr"> </rdf:li>'
        b'<rdf:li xml:lang="de">Alle</rdf:li><rdf:li xml:lang="x-default">'
    )  # fmt: skip
    assert read(turned).copyright == "All & sundry"
    assert read(turned.replace(b"x-default", b"en")).copyright == "Alle"


def test_prefixes_mean_what_the_nearest_element_says() -> None:
    other = b'<a xmlns:d="other"><d:creator><rdf:Seq><rdf:li>No</rdf:li></rdf:Seq></d:creator></a>'
    packet = PACKET.replace(b"<d:title>", other + b"<d:title>")
    assert read(packet) == Rights("Ada; Bob", "All & sundry")
    unprefixed = b'<creator xmlns="http://purl.org/dc/elements/1.1/">'
    packet = PACKET.replace(b"<d:creator>", unprefixed).replace(b"</d:creator>", b"</creator>")
    assert read(packet).artist == "Ada; Bob"


def read(xmp: bytes) -> Rights:
    """Read what the XMP alone says of artist and owner."""
    given = rights_only(Bytes.from_bytes(b"x"), SourceFormat.JPEG, {XMP: xmp})
    found = rights_in(labelled(".png", xmp=given[XMP]))
    return found["xmp"]


def test_long_names_are_cut() -> None:
    found = exif()
    found[0x013B] = b"a" * 9000
    source = encoded(noise(9, 5), "TIFF", exif=found)
    made = rights_in(make(source, destination="o.jpg", keep="copyright").data)
    assert len(made["exif"].artist) == len(made["iptc"].artist) == LONGEST


def test_a_second_name_after_a_nul_is_kept() -> None:
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    directory[0x8298] = b"Ada\0Bob\0"
    directory.tagtype[0x8298] = 7
    out = io.BytesIO()
    Image.fromarray(noise(9, 5)).save(out, "TIFF", tiffinfo=directory)
    made = rights_in(make(out.getvalue(), destination="o.png", keep="copyright").data)
    assert made["exif"] == Rights("", "Ada; Bob")


@pytest.mark.parametrize(
    ("ending", "keep", "message"),
    [
        ("jpg", "everything", 'expected copyright or a list of such names, got "everything"'),
        ("jpg", ["copyright", 3], "got 3"),
        ("jpg", True, "got true"),
        ("gif", "copyright", "expected a format that has a place for it, got gif"),
    ],
)
def test_what_is_refused(ending: str, keep: Any, message: str) -> None:
    described = {"destination": f"o.{ending}", "transformations": [], "keep": keep}
    with pytest.raises(InvalidRequest) as caught:
        parse_batch(json.dumps({"source": "a", "jobs": [described]}).encode())
    assert caught.value.path == "jobs[0].keep"
    assert message in caught.value.message


def test_nothing_may_be_asked_for() -> None:
    assert not job(destination="o.gif", keep=[]).keep.names
    wanted = job(format="jpg", keep=["copyright"])
    explained = explain(Source.from_bytes(encoded(noise(9, 5))), [wanted])
    assert explained.jobs[0].save == "jpeg quality 70, artist and copyright kept"


@pytest.mark.parametrize("artist", ["", "A", "Ann", "Anna", "Annas"])
def test_text_of_any_length_ends_with_one_nul(artist: str) -> None:
    """As EXIF has it, which keeps texts of up to three letters in place of their offset."""
    label = pack("<2sHIHHHI4sI", b"II", 42, 8, 1, 0x8298, 2, 4, b"Bob\0", 0)
    described = {EXIF: label, IPTC: iptc((80, artist.encode()))}
    written = rights_only(Bytes(b""), SourceFormat.PNG, described)[EXIF].removeprefix(b"Exif\0\0")
    directory = Directory(written, 10)
    assert directory.raw(0x8298, 99) == b"Bob\0"
    assert directory.raw(0x013B, 99) == (f"{artist}\0".encode() if artist else b"")
