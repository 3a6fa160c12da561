"""Processed keys are derived from the source's key, whatever it contains."""

from dataclasses import replace
from itertools import product

import pytest
from pipeline.errors import KeyReserved, KeyTooLong
from pipeline.keys import candidate_keys, processed_key, split
from pipeline.model import Format, ImageInfo, Size, output_format
from pipeline.settings import Settings

from tests.factories import environment

[VARIANT] = Settings.from_environment(environment()).variants
SIZE = Size(width=4, height=3)
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
        variant=replace(VARIANT, name="thumb"),
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


SOURCES = ["a.png", "a/b.JPG", "a.tiff", "a", "a.b.heic", "x.avif", "é.gif"]


@pytest.mark.parametrize("source_key", SOURCES)
@pytest.mark.parametrize("template", ["{directory}{stem}{extension}", "{variant}/{stem}.img"])
@pytest.mark.parametrize("wanted", [None, *Format])
def test_every_key_that_an_image_can_get_is_a_candidate(
    source_key: str, template: str, wanted: Format | None
) -> None:
    variant = replace(VARIANT, format=wanted)
    candidates = candidate_keys(template, variant, source_key=source_key)
    assert len(candidates) <= 3
    for source_format, has_alpha in product(Format, (False, True)):
        info = ImageInfo(format=source_format, size=SIZE, frames=1, has_alpha=has_alpha)
        key = processed_key(
            template,
            source_key=source_key,
            variant=variant,
            source_format=source_format,
            result_format=output_format(variant, info),
        )
        assert key in candidates


def test_keys_reserved_for_the_pipeline_are_refused() -> None:
    with pytest.raises(KeyReserved, match=r"\.pipeline/"):
        key(".pipeline/a.jpg")
    assert not candidate_keys(DEFAULT, VARIANT, source_key=".pipeline/a.jpg")


def test_a_candidate_that_would_be_too_long_is_none() -> None:
    source = "x" * 1020 + ".tif"
    candidates = candidate_keys(DEFAULT, replace(VARIANT, format=None), source_key=source)
    assert candidates == {source, "x" * 1020 + ".jpg", "x" * 1020 + ".png"}
    longer = "x" * 1021 + ".gz"
    candidates = candidate_keys(DEFAULT, replace(VARIANT, format=None), source_key=longer)
    assert candidates == {longer}
