"""The HTML of a variant: the images that a browser chooses from, and their order."""

from html.parser import HTMLParser

from pipeline.markup import picture, srcsets
from pipeline.model import Format, Image

FORMATS = (Format.JPEG, Format.AVIF, Format.WEBP)


def image(format_: Format, width: int, key: str = "") -> Image:
    key = key or f"{width}{format_.extension}"
    return Image(
        variant="v", key=key, etag='"e"', format=format_, width=width, height=2 * width, bytes=9
    )


def urls(images: list[Image]) -> dict[str, str]:
    return {one.key: f"https://a/{one.key}" for one in images}


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    found: list[tuple[str, dict[str, str | None]]] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Parser().feed(html)
    return found


def test_formats_come_the_best_first_and_widths_from_narrow_to_wide() -> None:
    images = [image(format_, width) for format_ in FORMATS for width in (640, 320)]
    assert [*srcsets(images, urls(images)).items()] == [
        ("avif", "https://a/320.avif 320w, https://a/640.avif 640w"),
        ("webp", "https://a/320.webp 320w, https://a/640.webp 640w"),
        ("jpeg", "https://a/320.jpg 320w, https://a/640.jpg 640w"),
    ]


def test_a_picture_offers_every_format_and_falls_back_to_the_last() -> None:
    images = [image(format_, width) for format_ in FORMATS for width in (640, 320)]
    (outer, _), (_, avif), (_, webp), (tag, fallback) = elements(
        picture(images, urls(images), "50vw")
    )
    sets = srcsets(images, urls(images))
    assert (outer, tag) == ("picture", "img")
    assert avif == {"type": "image/avif", "sizes": "50vw", "srcset": sets["avif"]}
    assert webp == {"type": "image/webp", "sizes": "50vw", "srcset": sets["webp"]}
    assert fallback == {
        "loading": "lazy",
        "decoding": "async",
        "alt": "",
        "width": "640",
        "height": "1280",
        "sizes": "50vw",
        "srcset": sets["jpeg"],
        "src": "https://a/640.jpg",
    }


def test_a_single_image_is_a_plain_img() -> None:
    images = [image(Format.PNG, 64)]
    assert picture(images, urls(images), "50vw") == (
        '<img loading="lazy" decoding="async" alt="" width="64" height="128" src="https://a/64.png">'
    )


def test_widths_of_one_format_are_an_img_with_a_choice() -> None:
    images = [image(Format.WEBP, width) for width in (64, 32)]
    ((tag, attributes),) = elements(picture(images, urls(images), "50vw"))
    assert tag == "img"
    assert attributes["srcset"] == "https://a/32.webp 32w, https://a/64.webp 64w"
    assert attributes["sizes"] == "50vw"


def test_src_comes_last_so_that_browsers_load_nothing_too_soon() -> None:
    images = [image(format_, width) for format_ in FORMATS for width in (640, 320)]
    assert list(elements(picture(images, urls(images), "1px"))[-1][1])[-1] == "src"


def test_two_images_of_equal_width_and_format_are_listed_once() -> None:
    images = [image(Format.WEBP, 64, key) for key in ("first", "second")]
    assert srcsets(images, urls(images)) == {"webp": "https://a/first 64w"}


def test_values_are_escaped() -> None:
    images = [image(Format.WEBP, width) for width in (64, 32)]
    nasty = {one.key: f"https://a/{one.key}?a=1&b='\"<x>" for one in images}
    html = picture(images, nasty, '"><script>&amp;')
    ((_, attributes),) = elements(html)
    assert "<script" not in html
    assert attributes["sizes"] == '"><script>&amp;'
    assert attributes["src"] == nasty["64.webp"]
