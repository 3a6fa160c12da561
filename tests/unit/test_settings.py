"""The environment is read whole, and what is wrong with it is named."""

import json

import pytest
from pipeline.errors import ConfigurationError
from pipeline.model import Contrast, Fit, Format, Position
from pipeline.settings import Settings

from tests.factories import VARIANT, environment, variants, watermark


def test_limits_are_bytes_and_pixels() -> None:
    limits = Settings.from_environment(environment()).limits
    assert limits.source_bytes == 20_000_000
    assert limits.pixels == 50_000_000
    assert limits.memory_bytes == 1769 * 2**20


def test_variants_keep_their_order_and_fields() -> None:
    spelled_out = {
        "width": 10,
        "fit": "cover",
        "position": "entropy",
        "format": "webp",
        "quality": 70,
        "chroma": "4:4:4",
        "max_bytes": 9000,
    }
    settings = Settings.from_environment(
        environment(VARIANTS=variants(wide={"height": 5}, small=spelled_out))
    )
    wide, small = settings.variants
    assert (wide.name, wide.width, wide.height) == ("wide", None, 5)
    assert (wide.fit, wide.position, wide.format) == (Fit.INSIDE, Position.CENTER, None)
    assert (small.fit, small.position, small.format) == (Fit.COVER, None, Format.WEBP)
    assert (small.quality, small.full_chroma, small.max_bytes) == (70, True, 9000)


def test_a_watermark_is_optional() -> None:
    assert Settings.from_environment(environment()).style.watermark is None


def test_the_files_of_a_watermark_lie_in_the_package() -> None:
    settings = Settings.from_environment(
        environment(WATERMARK=watermark(logo="watermark/logo.png", position="tile"))
    )
    mark = settings.style.watermark
    assert mark is not None
    assert mark.logo == "/var/task/watermark/logo.png"
    assert (mark.text, mark.font, mark.position) == (None, None, None)
    assert (mark.color, mark.contrast) == ((255, 255, 255), Contrast.OUTLINE)


@pytest.mark.parametrize("name", sorted(environment()))
def test_every_setting_is_required(name: str) -> None:
    incomplete = environment()
    del incomplete[name]
    with pytest.raises(ConfigurationError, match=f"{name} is not set"):
        Settings.from_environment(incomplete)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROCESSED_BUCKET", ""),
        ("CACHE_CONTROL", ""),
        ("BACKGROUND", "white"),
        ("BACKGROUND", "#fff"),
        ("BACKGROUND", "#gggggg"),
        ("KEEP_COPYRIGHT", "yes"),
        ("MAX_MEGAPIXELS", "0"),
        ("MAX_MEGAPIXELS", "many"),
        ("KEY_TEMPLATE", "{stem}{suffix}"),
        ("KEY_TEMPLATE", "{stem"),
        ("KEY_TEMPLATE", "{stem.__class__}"),
        ("VARIANTS", "{}"),
        ("VARIANTS", "[]"),
        ("VARIANTS", "not json"),
        ("VARIANTS", json.dumps({"a": {"width": 1}})),
        ("VARIANTS", json.dumps({"a": {**VARIANT, "fit": "stretch"}})),
        ("VARIANTS", json.dumps({"a": {**VARIANT, "format": "tga"}})),
        ("VARIANTS", json.dumps({"a": {**VARIANT, "position": "middle"}})),
        ("WATERMARK", watermark(contrast="loud")),
        ("WATERMARK", watermark(color="white")),
    ],
)
def test_a_bad_setting_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment(environment(**{name: value}))
    assert str(caught.value).startswith(f"{name} is {value!r}: ")
