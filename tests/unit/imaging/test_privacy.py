"""Personal metadata of a file stays out of the results, in the same format or any other."""

import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin
from pipeline.model import BROWSER_FORMATS, Format

from tests.unit.imaging import profiles
from tests.unit.imaging.pictures import corners, heic, opened, rendered, saved, style, variant

SECRET = b"52 deg 31' NORTH"
OWNER = "Ada Lovelace"

XMP = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description exif:GPSLatitude='"
    + SECRET
    + b"'/></x:xmpmeta>"
)
IPTC = (
    b"Photoshop 3.0\0"
    b"8BIM\x04\x04\0\0"
    + struct.pack(">I", 5 + len(SECRET))
    + (b"\x1c\x02\x5a" + struct.pack(">H", len(SECRET)) + SECRET)
)


def exif() -> Image.Exif:
    block = Image.Exif()
    block[270] = SECRET.decode()
    block[315] = OWNER
    block[33432] = f"(c) {OWNER}"
    block.get_ifd(34853)[29] = SECRET.decode()
    return block


def tagged(format_: Format) -> bytes:
    """A picture of *format_* with the secret in every kind of metadata that the format has."""
    picture = corners()
    match format_:
        case Format.JPEG:
            file = saved(picture, format_, exif=exif(), xmp=XMP, comment=SECRET)
            return file[:2] + b"\xff\xed" + struct.pack(">H", 2 + len(IPTC)) + IPTC + file[2:]
        case Format.PNG:
            text = PngImagePlugin.PngInfo()
            text.add_text("Location", SECRET.decode())
            text.add_itxt("XML:com.adobe.xmp", XMP.decode())
            return saved(picture, format_, exif=exif(), pnginfo=text)
        case Format.GIF:
            return saved(picture, format_, comment=SECRET)
        case Format.TIFF:
            tags = exif()
            tags[700] = XMP
            return saved(picture, format_, exif=tags)
        case Format.HEIC:
            return heic(picture, exif=exif().tobytes(), xmp=XMP)
        case Format.BMP:
            return saved(picture, format_) + SECRET
        case Format.JPEG2000:
            file = saved(picture, format_)
            return file + struct.pack(">I4s", 8 + len(SECRET), b"xml ") + SECRET
        case _:
            return saved(picture, format_, exif=exif(), xmp=XMP)


def assert_untold(body: bytes, *secrets: bytes) -> None:
    image = opened(body)
    places = [body, repr(image.info).encode(), *inflated(body)]
    for secret in secrets:
        assert not any(secret in place for place in places)


def inflated(body: bytes) -> list[bytes]:
    """Compressed PNG chunks, opened."""
    texts = []
    for start in range(len(body)):
        if body[start : start + 4] in (b"zTXt", b"iTXt", b"iCCP"):
            texts += [part for part in [_inflate(body[start + 4 :])] if part]
    return texts


def _inflate(data: bytes) -> bytes:
    for start in range(min(len(data), 100)):
        try:
            return zlib.decompressobj().decompress(data[start:])
        except zlib.error:
            continue
    return b""


@pytest.mark.parametrize("target", sorted(BROWSER_FORMATS))
@pytest.mark.parametrize("origin", sorted(Format))
def test_results_contain_no_metadata(origin: Format, target: Format) -> None:
    file = tagged(origin)
    assert SECRET in file
    for rendition in rendered(
        file, variant(format=target), variant(width=500, format=target)
    ).renditions:
        assert_untold(rendition.body, SECRET, OWNER.encode())


@pytest.mark.parametrize("format_", [Format.JPEG, Format.PNG, Format.WEBP, Format.GIF])
def test_copied_pictures_contain_no_metadata(format_: Format) -> None:
    file = tagged(format_)
    picture = saved(corners().quantize(16).convert("RGB"), Format.JPEG, quality=5)
    if format_ is Format.JPEG:
        file = saved(opened(picture), format_, quality=5, exif=exif(), comment=SECRET)
    (rendition,) = rendered(file, variant(width=500, height=500, quality=100)).renditions
    assert len(rendition.body) <= len(file)
    assert_untold(rendition.body, SECRET, OWNER.encode())


@pytest.mark.parametrize("target", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF])
@pytest.mark.parametrize(
    "origin", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.TIFF, Format.HEIC]
)
def test_only_the_owner_is_kept_on_request(origin: Format, target: Format) -> None:
    made = rendered(tagged(origin), variant(format=target), style=style(keep_copyright=True))
    body = made.renditions[0].body
    kept = opened(body).getexif()
    assert dict(kept) == {315: OWNER, 33432: f"(c) {OWNER}"}
    assert_untold(body, SECRET)


@pytest.mark.parametrize("target", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF])
def test_owner_of_a_very_long_name_is_kept_in_part(target: Format) -> None:
    block = Image.Exif()
    block[315] = block[33432] = "Ada " * 16_384
    file = saved(corners(), Format.WEBP, exif=block)
    made = rendered(file, variant(format=target), style=style(keep_copyright=True))
    for name in dict(opened(made.renditions[0].body).getexif()).values():
        assert name.startswith("Ada Ada ")
        assert len(name) == 16_384


@pytest.mark.parametrize("target", [Format.PNG, Format.WEBP, Format.AVIF, Format.JPEG])
def test_results_carry_no_profile(target: Format) -> None:
    file = saved(corners(), Format.PNG, icc_profile=profiles.DISPLAY_P3)
    assert (
        "icc_profile" not in opened(rendered(file, variant(format=target)).renditions[0].body).info
    )
