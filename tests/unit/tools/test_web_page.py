"""The page that the demonstration leaves."""

from pipeline.manifests import Manifest
from pipeline.model import Format, Image, ImageInfo, Size

from tools.local import web_page

INFO = ImageInfo(
    format=Format.JPEG,
    size=Size(width=640, height=320),
    frames=1,
    has_alpha=False,
    dominant_color="#c81e3c",
)


def manifest(source_key: str, *images: tuple[str, str, Format]) -> Manifest:
    return Manifest(
        source_key=source_key,
        etag='"e"',
        options="",
        info=INFO,
        images=tuple(
            Image(
                variant=variant, key=key, etag='"e"', format=format_, width=64, height=32, bytes=9
            )
            for variant, key, format_ in images
        ),
    )


def test_images_are_found_beside_the_page_whatever_their_keys_contain() -> None:
    page = web_page.html([manifest("a.jpg", ("web", "a: b+c%é?#,.jpg", Format.JPEG))])
    assert 'src="a%3A%20b%2Bc%25%C3%A9%3F%23%2C.jpg"' in page


def test_each_variant_has_a_picture() -> None:
    images = [
        (variant, f"{variant}{format_.extension}", format_)
        for variant in ("hero", "thumb")
        for format_ in (Format.JPEG, Format.AVIF)
    ]
    page = web_page.html([manifest("a.jpg", *images)])
    assert page.count("<picture>") == 2
    assert "hero: jpeg, avif at 64 px" in page


def test_names_of_files_are_text() -> None:
    page = web_page.html([manifest('"<script>{}.jpg', ("web", "a.jpg", Format.JPEG))])
    assert page.count("<script>") == 1
    assert 'alt="&quot;&lt;script&gt;{}.jpg"' in page
