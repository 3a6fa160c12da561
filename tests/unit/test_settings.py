"""Settings are read from the environment, and errors name the variable and its value."""

import json
import re
from dataclasses import asdict

import pytest
from pipeline.errors import ConfigurationError
from pipeline.model import Contrast, ExifFact, Fit, Format, Position
from pipeline.settings import Manifest, Settings

from tests.documents import ROOT
from tests.factories import environment, variants, watermark


def declared_defaults(variable: str) -> dict[str, object]:
    """Return the defaults of the fields of an object in `variables.tf`."""
    declared = re.search(
        rf'^variable "{variable}" {{\n(.*?)^}}',
        (ROOT / "variables.tf").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert declared
    fields = re.findall(r"^    (\w+) += optional\(\w+, ([^)]+)\)", declared[1], re.MULTILINE)
    return {name: json.loads(default) for name, default in fields}


def test_limits_are_bytes_and_pixels() -> None:
    limits = Settings.from_environment(environment()).limits
    assert limits.source_bytes == 20_000_000
    assert limits.pixels == 50_000_000
    assert limits.memory_bytes == 1769 * 2**20


def test_all_formats_are_accepted_by_default() -> None:
    assert Settings.from_environment(environment()).limits.formats == frozenset(Format)
    chosen = environment(FORMATS='["jpeg", "png"]')
    assert Settings.from_environment(chosen).limits.formats == {Format.JPEG, Format.PNG}


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


def test_the_sandbox_is_required_on_request() -> None:
    assert not Settings.from_environment(environment()).require_sandbox
    assert Settings.from_environment(environment(REQUIRE_SANDBOX="true")).require_sandbox


def test_a_cdn_is_optional() -> None:
    assert Settings.from_environment(environment()).cdn_url is None
    chosen = environment(CDN_URL="https://images.example.com")
    assert Settings.from_environment(chosen).cdn_url == "https://images.example.com"


def test_a_manifest_is_optional_and_has_the_defaults_of_its_variable() -> None:
    assert Settings.from_environment(environment()).manifest is None
    assert Settings.from_environment(environment(MANIFEST="{}")).manifest == Manifest()
    defaults = declared_defaults("manifest")
    assert {name: defaults[name] for name in asdict(Manifest())} == asdict(Manifest())


def test_a_manifest_has_the_operators_settings() -> None:
    output = {"key_template": "m/{directory}{stem}", "max_age_seconds": 5}
    settings = Settings.from_environment(environment(MANIFEST=json.dumps(output)))
    assert settings.manifest == Manifest(key_template="m/{directory}{stem}", max_age_seconds=5)


def test_a_blurred_placeholder_is_made_for_a_manifest_that_asks_for_it() -> None:
    for manifest, is_made in (("{}", False), ('{"blurred_placeholder": true}', True)):
        settings = Settings.from_environment(environment(MANIFEST=manifest))
        assert settings.style.blurred_placeholder is is_made
    assert not Settings.from_environment(environment()).style.blurred_placeholder


def test_a_watermark_is_optional() -> None:
    assert Settings.from_environment(environment()).style.watermark is None


def test_the_files_of_a_watermark_are_in_the_package() -> None:
    settings = Settings.from_environment(
        environment(WATERMARK=watermark(logo="watermark/logo.png", position="tile"))
    )
    mark = settings.style.watermark
    assert mark is not None
    assert mark.logo == "/var/task/watermark/logo.png"
    assert (mark.text, mark.font, mark.position) == (None, None, None)
    assert (mark.color, mark.contrast) == ((255, 255, 255), Contrast.OUTLINE)


def test_exif_fields_are_optional() -> None:
    assert Settings.from_environment(environment()).style.exif_facts == ()
    chosen = environment(EXIF_FACTS='["camera", "place"]')
    wanted = (ExifFact.CAMERA, ExifFact.PLACE)
    assert Settings.from_environment(chosen).style.exif_facts == wanted


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
        ("CDN_URL", ""),
        ("CDN_URL", "http://images.example.com"),
        ("CDN_URL", "https://images.example.com/"),
        ("CDN_URL", "https://images.example.com?v=1"),
        ("BACKGROUND", "white"),
        ("BACKGROUND", "#fff"),
        ("BACKGROUND", "#gggggg"),
        ("KEEP_COPYRIGHT", "yes"),
        ("KEEP_PROVENANCE", "1"),
        ("EXIF_FACTS", '["owner"]'),
        ("EXIF_FACTS", "date"),
        ("MAX_MEGAPIXELS", "0"),
        ("MAX_MEGAPIXELS", "many"),
        ("FORMATS", "[]"),
        ("FORMATS", '["jpg"]'),
        ("KEY_TEMPLATE", "{stem}{suffix}"),
        ("KEY_TEMPLATE", "{stem"),
        ("KEY_TEMPLATE", "{stem.__class__}"),
        ("VARIANTS", "{}"),
        ("VARIANTS", "[]"),
        ("VARIANTS", "not json"),
        ("VARIANTS", json.dumps({"a": {"width": "wide", "quality": []}})),
        ("VARIANTS", json.dumps({"a": {"fit": "stretch"}})),
        ("VARIANTS", json.dumps({"a": {"format": "tga"}})),
        ("VARIANTS", json.dumps({"a": {"position": "middle"}})),
        ("MANIFEST", "[]"),
        ("MANIFEST", '{"grace_days": 7}'),
        ("MANIFEST", '{"key_template": "{stem}-{variant}.json"}'),
        ("WATERMARK", watermark(contrast="loud")),
        ("WATERMARK", watermark(color="white")),
    ],
)
def test_a_bad_setting_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment(environment(**{name: value}))
    assert str(caught.value).startswith(f"{name} is {value!r}: ")
