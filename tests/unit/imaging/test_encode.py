"""The encoding of results."""

from io import BytesIO
from itertools import pairwise

import pytest
from PIL import ExifTags, Image, ImageDraw
from pipeline.model import Format, output_format

from tests.unit.imaging.pictures import (
    corners,
    gradient,
    heic,
    opened,
    rendered,
    result,
    saved,
    scene,
    style,
    variant,
)


def noise(width: int = 200, height: int = 150) -> Image.Image:
    bands = [Image.effect_noise((width, height), 60) for _ in range(3)]
    return Image.merge("RGB", bands)


@pytest.mark.parametrize(
    ("origin", "target"),
    [
        (Format.JPEG, Format.JPEG),
        (Format.PNG, Format.PNG),
        (Format.WEBP, Format.WEBP),
        (Format.AVIF, Format.AVIF),
        (Format.GIF, Format.GIF),
        (Format.TIFF, Format.JPEG),
        (Format.BMP, Format.JPEG),
        (Format.JPEG2000, Format.JPEG),
        (Format.HEIC, Format.JPEG),
    ],
)
def test_formats_that_browsers_show_are_kept(origin: Format, target: Format) -> None:
    file = heic(corners()) if origin is Format.HEIC else saved(corners(), origin)
    assert rendered(file).renditions[0].format is target


@pytest.mark.parametrize("origin", [Format.TIFF, Format.JPEG2000])
def test_alpha_of_a_format_that_is_not_kept_becomes_png(origin: Format) -> None:
    made = rendered(saved(corners(mode="RGBA"), origin))
    assert output_format(variant(), made.picture) is Format.PNG


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
def test_photograph_as_png_has_the_same_pixels(mode: str) -> None:
    image = noise().convert("RGBA")
    image.putalpha(noise().getchannel(0))
    image = image.convert(mode)
    made = result(saved(image, Format.TIFF), format=Format.PNG, width=200, height=200)
    assert made.mode == mode
    assert made.tobytes() == image.tobytes()


def test_photograph_as_png_keeps_copyright_and_provenance() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Anna"
    term = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    packet = b'<rdf:Description Iptc4xmpExt:DigitalSourceType="' + term + b'"/>'
    file = saved(noise(), Format.JPEG, exif=exif, xmp=packet)
    image = result(file, style=style(keep_copyright=True), format=Format.PNG, width=200, height=200)
    assert image.getexif()[ExifTags.Base.Artist] == "Anna"
    assert term in image.info["xmp"]


@pytest.mark.parametrize("target", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF])
def test_body_has_the_declared_format(target: Format) -> None:
    image = Image.open(
        BytesIO(rendered(saved(scene(), Format.PNG), variant(format=target)).renditions[0].body)
    )
    assert image.format == target.name


def test_jpeg_is_progressive_with_reduced_chroma() -> None:
    image = result(saved(scene(), Format.PNG), format=Format.JPEG)
    assert image.info["progressive"]
    # Pillow sets `layer` on JPEGs only, and does not type it.
    assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]  # type: ignore[attr-defined]  # a JPEG


def test_full_chroma_on_request() -> None:
    image = result(saved(scene(), Format.PNG), format=Format.JPEG, full_chroma=True)
    # Pillow sets `layer` on JPEGs only, and does not type it.
    assert [layer[1:3] for layer in image.layer] == [(1, 1), (1, 1), (1, 1)]  # type: ignore[attr-defined]  # a JPEG


def test_lossless_webp_on_request() -> None:
    exact = noise(60, 40)
    kept = result(saved(exact, Format.PNG), format=Format.WEBP, lossless=True)
    assert kept.tobytes() == exact.tobytes()


def test_palette_png_on_request() -> None:
    true, few = rendered(
        saved(scene(), Format.PNG), variant(width=200), variant(width=200, palette=True)
    ).renditions
    assert opened(few.body).mode == "P"
    assert len(few.body) < len(true.body)


def test_greys_stay_one_channel() -> None:
    assert result(saved(gradient(), Format.PNG), format=Format.JPEG).mode == "L"


def test_opaque_alpha_is_dropped() -> None:
    assert result(saved(corners(mode="RGBA"), Format.PNG)).mode == "RGB"


def test_gif_is_transparent_where_alpha_is_below_half() -> None:
    picture = Image.new("RGBA", (60, 20), (255, 0, 0, 255))
    for start, alpha in ((20, 200), (40, 50)):
        picture.paste((255, 0, 0, alpha), (start, 0, start + 20, 20))
    image = result(saved(picture, Format.PNG), format=Format.GIF).convert("RGBA")
    assert [image.getpixel((x, 10)) for x in (10, 30)] == [(255, 0, 0, 255)] * 2
    assert image.getchannel("A").getpixel((50, 10)) == 0


def test_hidden_colours_do_not_bleed_into_edges() -> None:
    picture = Image.new("RGBA", (200, 200), (0, 255, 0, 0))
    ImageDraw.Draw(picture).ellipse((20, 20, 180, 180), fill=(255, 0, 0, 255))
    image = result(saved(picture, Format.PNG), width=50, height=50)
    for x in range(50):
        # Pillow types this for one band too; here there are several.
        red, green, _, alpha = image.getpixel((x, 25))  # type: ignore[misc]  # RGBA
        assert alpha == 0 or green <= 2
        assert alpha < 16 or red >= 250


@pytest.mark.parametrize("target", [Format.JPEG, Format.WEBP, Format.AVIF, Format.GIF, Format.PNG])
def test_result_fits_its_byte_limit_at_the_best_quality(target: Format) -> None:
    file = saved(noise(), Format.PNG)
    free = len(rendered(file, variant(width=200, height=200, format=target)).renditions[0].body)
    limited = variant(width=200, height=200, format=target, max_bytes=free * 6 // 10)
    (made,) = rendered(file, limited).renditions
    # Numbers of colours come in coarser steps than qualities.
    least = 3 if target in (Format.PNG, Format.GIF) else 5
    assert free * least // 10 < len(made.body) <= free * 6 // 10
    assert "reduced_to" in made.warnings


def test_result_that_cannot_fit_is_the_smallest_and_says_so() -> None:
    (made,) = rendered(
        saved(noise(), Format.PNG), variant(width=200, format=Format.JPEG, max_bytes=100)
    ).renditions
    assert made.warnings == {"over_limit_by": len(made.body) - 100}
    assert opened(made.body).size == (85, 64)


@pytest.mark.parametrize("quality", [20, 60, 95])
@pytest.mark.parametrize("origin", [Format.JPEG, Format.WEBP, Format.AVIF])
def test_result_of_the_same_size_is_never_larger(origin: Format, quality: int) -> None:
    file = saved(noise(), origin, quality=quality)
    for orientation in (1, 6):
        exif = Image.Exif()
        exif[274] = orientation
        file = saved(noise(), origin, quality=quality, exif=exif)
        (made,) = rendered(file, variant(width=500, height=500, quality=95)).renditions
        assert len(made.body) <= len(file)


@pytest.mark.parametrize("origin", [Format.PNG, Format.GIF])
def test_lossless_result_of_the_same_size_is_never_larger(origin: Format) -> None:
    file = saved(noise().quantize(200), origin, optimize=True)
    (made,) = rendered(file, variant(width=500, height=500)).renditions
    assert len(made.body) <= len(file)
    assert opened(made.body).convert("RGB").tobytes() == opened(file).convert("RGB").tobytes()


def test_copied_picture_is_the_source_itself() -> None:
    file = saved(noise(), Format.JPEG, quality=40)
    (made,) = rendered(file, variant(width=500, height=500, quality=95)).renditions
    assert made.warnings == {"copied": True}
    assert opened(made.body).tobytes() == opened(file).tobytes()


def test_sharpening_raises_edges() -> None:
    soft = saved(scene(60, 40), Format.PNG)
    plain, sharp = result(soft), result(soft, sharpen=True)
    assert contrast(sharp) > contrast(plain)


def contrast(image: Image.Image) -> float:
    # Pillow types this for one band too; here there are several.
    (low, high), *_ = image.convert("RGB").getextrema()  # type: ignore[misc]  # RGB
    pixels = image.convert("L").tobytes()
    return sum(abs(a - b) for a, b in pairwise(pixels)) + (high - low)
