"""Processed keys follow the source's own, whatever that looks like."""

import pytest
from pipeline.errors import KeyTooLong
from pipeline.keys import processed_key, split
from pipeline.model import Format

DEFAULT = "{directory}{stem}{extension}"


def key(
    source: str,
    template: str = DEFAULT,
    *,
    source_format: Format = Format.JPEG,
    result_format: Format = Format.JPEG,
) -> str:
    return processed_key(
        template,
        source_key=source,
        variant="thumb",
        source_format=source_format,
        result_format=result_format,
    )


@pytest.mark.parametrize(
    "source",
    ["a.jpg", "A.JPEG", "cats/tom.jpg", "no-extension", "a b+c%é.jpg", ".jpg", "{stem}.jpg", "a/"],
)
def test_same_format_keeps_the_key(source: str) -> None:
    assert key(source) == source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("cats/tom.png", "cats/tom.webp"),
        ("cats.d/tom", "cats.d/tom.webp"),
        ("trips/3.5 miles", "trips/3.5 miles.webp"),
        ("archive.tar.PNG", "archive.tar.webp"),
        (".png", ".png.webp"),
        ("{extension}.png", "{extension}.webp"),
    ],
)
def test_another_format_changes_only_the_extension(source: str, expected: str) -> None:
    assert key(source, source_format=Format.PNG, result_format=Format.WEBP) == expected


def test_the_template_places_variant_and_directory() -> None:
    assert key("cats/tom.jpg", "{variant}/{directory}{stem}-{variant}{extension}") == (
        "thumb/cats/tom-thumb.jpg"
    )


def test_a_key_of_1024_bytes_is_the_longest() -> None:
    longest = "é" * 510 + ".jpg"
    assert len(longest.encode()) == 1024
    assert key(longest) == longest
    with pytest.raises(KeyTooLong, match="1025 bytes"):
        key(longest, "{directory}{stem}~{extension}")


@pytest.mark.parametrize("source", ["a.jpg", "x/y/.z", "a", "a/b.c/d.e f", "/", "..", "a/.."])
def test_the_parts_of_a_key_join_to_the_key(source: str) -> None:
    assert "".join(split(source)) == source
