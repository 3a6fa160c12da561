"""The origin of a picture is preserved: IPTC's DigitalSourceType is kept, C2PA is recorded."""

import struct

import pytest
from PIL import Image, PngImagePlugin
from pipeline.model import BROWSER_FORMATS, Format

from tests.unit.imaging import raw
from tests.unit.imaging.containers import box
from tests.unit.imaging.pictures import corners, heic, opened, rendered, saved, style, variant

VOCABULARY = b"http://cv.iptc.org/newscodes/digitalsourcetype/"
TERM = b"trainedAlgorithmicMedia"
MADE_UP = VOCABULARY + TERM
SECRET = b"52 deg 31' NORTH"

PACKET = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF><rdf:Description exif:GPSLatitude=\"%s\" "
    b'Iptc4xmpExt:DigitalSourceType="%s"/></rdf:RDF></x:xmpmeta>' % (SECRET, MADE_UP)
)
FORMS = {
    "attribute": PACKET,
    "single quotes": PACKET.replace(b'"', b"'"),
    "element": b"<a:DigitalSourceType>\n %s\n</a:DigitalSourceType>" % MADE_UP,
    "resource": b'<a:DigitalSourceType rdf:resource="%s"/>' % MADE_UP,
    "another prefix": b'<rdf:Description\tiptcExt:DigitalSourceType = "%s"/>' % MADE_UP,
    "secure": PACKET.replace(b"http:", b"https:"),
}
ODD = {
    "no term": b'<a:DigitalSourceType rdf:resource="%s"/>' % VOCABULARY,
    "other vocabulary": b'<a:DigitalSourceType rdf:resource="http://example.com/%s"/>' % TERM,
    "more than a term": b'<a:DigitalSourceType rdf:resource="%s?%s"/>' % (MADE_UP, SECRET),
    "other property": b'<a:NoDigitalSourceType rdf:resource="%s"/>' % MADE_UP,
    "binary": bytes(range(256)) * 20,
}
JUMBF = struct.pack(">I4s", 40, b"jumb") + b"jumdc2pa".ljust(32, b"\0")
C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def tagged(format_: Format, packet: bytes = PACKET) -> bytes:
    """Return a picture of *format_* with an XMP *packet*."""
    picture = corners()
    match format_:
        case Format.PNG:
            text = PngImagePlugin.PngInfo()
            text.add_itxt("XML:com.adobe.xmp", packet.decode("latin-1"))
            return saved(picture, format_, pnginfo=text)
        case Format.GIF:
            return with_block(saved(picture, format_), b"XMP DataXMP", packet + trailer())
        case Format.TIFF:
            tags = Image.Exif()
            tags[700] = packet
            return saved(picture, format_, exif=tags)
        case Format.HEIC:
            return heic(picture, xmp=packet)
        case _:
            return saved(picture, format_, xmp=packet)


def trailer() -> bytes:
    return b"\x01" + bytes(range(255, -1, -1))


def with_block(gif: bytes, name: bytes, data: bytes) -> bytes:
    return gif[:-1] + b"\x21\xff\x0b" + name + data + b"\0" + gif[-1:]


def packet_in(body: bytes) -> bytes:
    """Return the XMP packet of a result."""
    if body.startswith(b"GIF"):
        start = body.index(b"XMP DataXMP") + 11
        return body[start : body.index(trailer(), start)]
    found = opened(body).info["xmp"]
    return found if isinstance(found, bytes) else found.encode()


ORIGINS = [format_ for format_ in Format if format_ not in (Format.BMP, Format.JPEG2000)]


@pytest.mark.parametrize("target", sorted(BROWSER_FORMATS))
@pytest.mark.parametrize("origin", ORIGINS)
def test_source_type_is_kept_and_recorded_and_nothing_else_is(
    origin: Format, target: Format
) -> None:
    made = rendered(tagged(origin), variant(format=target))
    assert made.picture.digital_source_type == TERM.decode()
    body = made.renditions[0].body
    assert MADE_UP in packet_in(body)
    assert SECRET not in body


@pytest.mark.parametrize("format_", sorted(BROWSER_FORMATS))
def test_source_type_survives_a_second_upload(format_: Format) -> None:
    made = rendered(tagged(format_))
    again = rendered(made.renditions[0].body)
    assert again.picture.digital_source_type == TERM.decode()


@pytest.mark.parametrize("form", FORMS)
def test_source_type_is_found_in_every_form_of_xmp(form: str) -> None:
    made = rendered(tagged(Format.JPEG, FORMS[form]))
    assert made.picture.digital_source_type == TERM.decode()


@pytest.mark.parametrize("form", ODD)
def test_a_value_outside_the_vocabulary_is_not_kept(form: str) -> None:
    made = rendered(tagged(Format.JPEG, ODD[form]))
    assert made.picture.digital_source_type == ""
    assert "xmp" not in opened(made.renditions[0].body).info


def test_packet_after_the_pixels_of_a_png_is_found() -> None:
    text = raw.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PACKET)
    file = raw.png(16, [bytes(16)] * 16, late=text)
    assert rendered(file).picture.digital_source_type == TERM.decode()


@pytest.mark.parametrize("format_", [Format.WEBP, Format.PNG, Format.GIF, Format.AVIF])
def test_animation_keeps_its_source_type(format_: Format) -> None:
    frames = [Image.new("RGB", (64, 64), (n * 80, 0, 0)) for n in range(3)]
    file = saved(frames[0], Format.WEBP, save_all=True, append_images=frames[1:], xmp=PACKET)
    made = rendered(file, variant(format=format_))
    image = opened(made.renditions[0].body)
    assert getattr(image, "n_frames", 1) == 3
    assert MADE_UP in made.renditions[0].body


@pytest.mark.parametrize("format_", sorted(BROWSER_FORMATS))
def test_source_type_is_recorded_but_not_kept_if_that_is_not_wanted(format_: Format) -> None:
    made = rendered(tagged(format_), style=style(keep_provenance=False))
    assert made.picture.digital_source_type == TERM.decode()
    assert TERM not in made.renditions[0].body


def test_picture_that_would_be_copied_keeps_its_source_type() -> None:
    small = saved(corners(), Format.JPEG, quality=5)
    file = saved(opened(small), Format.JPEG, quality=5, xmp=PACKET)
    made = rendered(file, variant(width=500, height=500, quality=100))
    assert MADE_UP in made.renditions[0].body


def test_most_hostile_packet_takes_no_time() -> None:
    packet = (b" DigitalSourceType" + b" " * 40 + b"rdf:resource") * 1000
    assert rendered(tagged(Format.JPEG, packet[:60_000])).picture.digital_source_type == ""


def with_c2pa(format_: Format) -> bytes:
    """Return a picture of *format_* with a manifest in the place that C2PA specifies."""
    match format_:
        case Format.JPEG:
            file = saved(corners(), format_)
            body = b"JP\0\1\0\0\0\1" + JUMBF
            return file[:2] + b"\xff\xeb" + struct.pack(">H", 2 + len(body)) + body + file[2:]
        case Format.PNG:
            file = saved(corners(), format_)
            return file[:33] + raw.chunk(b"caBX", JUMBF) + file[33:]
        case Format.WEBP:
            file = saved(corners(), format_)
            chunk = struct.pack("<4sI", b"C2PA", len(JUMBF)) + JUMBF
            return file[:4] + struct.pack("<I", len(file) + len(chunk) - 8) + file[8:] + chunk
        case Format.GIF:
            block = bytes([len(JUMBF)]) + JUMBF
            return with_block(saved(corners(), format_), b"C2PA_GIF\x01\0\0", block)
        case Format.TIFF:
            tags = Image.Exif()
            tags[0xCD41] = JUMBF
            return saved(corners(), format_, exif=tags)
        case Format.HEIC:
            return heic(corners()) + box(b"uuid", C2PA_BOX, JUMBF)
        case _:
            return saved(corners(), format_) + box(b"uuid", C2PA_BOX, JUMBF)


@pytest.mark.parametrize("format_", ORIGINS)
def test_c2pa_manifest_is_noted(format_: Format) -> None:
    assert rendered(with_c2pa(format_)).picture.has_c2pa


@pytest.mark.parametrize("format_", ORIGINS)
def test_c2pa_manifest_does_not_reach_the_results(format_: Format) -> None:
    for target in BROWSER_FORMATS:
        (made,) = rendered(with_c2pa(format_), variant(format=target)).renditions
        assert b"jumdc2pa" not in made.body


@pytest.mark.parametrize("format_", list(Format))
def test_picture_without_either_has_no_provenance(format_: Format) -> None:
    file = heic(corners()) if format_ is Format.HEIC else saved(corners(), format_)
    info = rendered(file).picture
    assert (info.digital_source_type, info.has_c2pa) == ("", False)
