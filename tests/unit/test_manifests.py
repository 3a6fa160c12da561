"""The contents of a manifest, its agreement with the record, and its JSON Schema."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest
from pipeline import manifests, records
from pipeline.manifests import Manifest
from pipeline.model import (
    BROWSER_FORMATS,
    Format,
    Image,
    ImageInfo,
    Outcome,
    Size,
    Source,
    Status,
    UploadOptions,
)

from tests.documents import MANIFEST_SCHEMA

SCHEMA: dict[str, Any] = json.loads(MANIFEST_SCHEMA.read_text())
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True)

KEY = "uploads/alice/a b+c%é,<\"'&>.jpg"
CDN_URL = "https://images.example.com"
INFO = ImageInfo(
    format=Format.HEIC,
    size=Size(width=4000, height=3000),
    frames=1,
    has_alpha=False,
    dominant_color="#c81e3c",
    placeholder="1QcSHQ==",
    blurred_placeholder="data:image/webp;base64,UklGRg==",
    digital_source_type="trainedAlgorithmicMedia",
    has_c2pa=True,
    exif={"camera": "Canon EOS R5"},
    warnings={"icc_profile": "damaged"},
)
IMAGES = tuple(
    Image(
        variant=variant,
        key=f"{variant}/{width}/{KEY}{format_.extension}",
        etag=f'"{variant}-{width}-{format_}"',
        format=format_,
        width=width,
        height=width * 3 // 4,
        bytes=10 * width,
        warnings={"over_limit_by": 12},
    )
    for variant, widths, formats in (
        ("hero", (1280, 640), (Format.JPEG, Format.WEBP, Format.AVIF)),
        ("thumb", (160,), (Format.PNG,)),
    )
    for format_ in formats
    for width in widths
)
PUBLISHED = Outcome(
    status=Status.PUBLISHED,
    source=Source(bucket="source", key=KEY, etag="e1", size=1000, version="v1"),
    info=INFO,
    images=IMAGES,
    written=IMAGES,
    confirmed_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
CHOSEN = replace(
    PUBLISHED,
    source=Source(
        bucket="source",
        key=KEY,
        etag="e1",
        size=1000,
        version="v1",
        options=UploadOptions(focus=(0.3, 0.6)),
    ),
)


def body(
    outcome: Outcome = PUBLISHED,
    *,
    cdn_url: str | None = CDN_URL,
    sizes: Mapping[str, str] | None = None,
) -> bytes:
    return manifests.of_outcome(outcome, cdn_url=cdn_url, sizes=sizes or {})


def manifest(outcome: Outcome = PUBLISHED, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(body(outcome, **changes))
    return fields


def record() -> dict[str, Any]:
    now = datetime.now(UTC)
    return records.of_outcome(
        PUBLISHED, source_key=KEY, bucket="source", cdn_url=CDN_URL, started_at=now, now=now
    ).fields()


def without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def test_a_manifest_agrees_with_the_record() -> None:
    ours, theirs = manifest(), record()
    of_the_manifest = ("version", "variants")
    assert without(ours, "images", *of_the_manifest).items() <= theirs.items()
    assert ours["images"] == [without(image, "warnings") for image in theirs["images"]]


def test_only_private_fields_of_the_record_are_not_in_the_manifest() -> None:
    private = {"bucket", "owner", "bytes", "warnings", "exif"}
    of_the_run = {"status", "version", "started_at", "updated_at", "confirmed_at", "milliseconds"}
    assert set(record()) - set(manifest()) == (private | of_the_run) - {"version"}
    assert b"Canon" not in body()
    assert b"damaged" not in body()


def test_images_have_the_url_of_their_key_percent_encoded() -> None:
    urls = [image["url"] for image in manifest()["images"]]
    assert urls[0] == (
        "https://images.example.com/hero/1280/uploads/alice/a%20b%2Bc%25%C3%A9%2C%3C%22%27%26%3E.jpg.jpg"
    )
    assert len(set(urls)) == len(IMAGES)


def test_a_variant_has_html_with_its_sizes() -> None:
    variants = manifest(sizes={"hero": "50vw"})["variants"]
    assert {name: one["sizes"] for name, one in variants.items()} == {
        "hero": "50vw",
        "thumb": "100vw",
    }
    assert [*variants["hero"]["srcset"]] == ["avif", "webp", "jpeg"]
    assert variants["hero"]["picture"].startswith("<picture>")
    assert variants["thumb"]["picture"].startswith("<img ")


def test_without_a_cdn_there_are_neither_urls_nor_html() -> None:
    fields = manifest(cdn_url=None)
    assert "variants" not in fields
    assert not any("url" in image for image in fields["images"])


def test_times_and_written_images_do_not_change_the_manifest() -> None:
    another_run = replace(
        PUBLISHED, status=Status.CURRENT, written=(), confirmed_at=datetime.now(UTC)
    )
    assert body(another_run) == body()


@pytest.mark.parametrize(
    "changes",
    [
        {"info": replace(INFO, dominant_color="#000000")},
        {"images": IMAGES[1:]},
        {"images": (replace(IMAGES[0], etag='"other"'), *IMAGES[1:])},
    ],
    ids=["colour", "images", "ETag"],
)
def test_another_result_changes_the_manifest(changes: Mapping[str, Any]) -> None:
    assert body(replace(PUBLISHED, **changes)) != body()


def test_only_a_source_with_images_has_a_manifest() -> None:
    with pytest.raises(ValueError, match="removed"):
        body(Outcome(status=Status.REMOVED))


@pytest.mark.parametrize("cdn_url", [CDN_URL, None], ids=["URLs", "no URLs"])
@pytest.mark.parametrize("outcome", [PUBLISHED, CHOSEN], ids=["plain", "options"])
def test_a_manifest_survives_a_round_trip(cdn_url: str | None, outcome: Outcome) -> None:
    assert manifests.read(body(outcome, cdn_url=cdn_url)) == Manifest(
        source_key=KEY,
        etag="e1",
        options=str(outcome.source.options) if outcome.source else "",
        info=replace(INFO, exif={}, warnings={}),
        images=tuple(replace(image, warnings={}) for image in IMAGES),
    )


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"\xff\xd8\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"version": 1}',
        body().replace(b'"version":1', b'"version":2'),
        body().replace(b'"images":[', b'"images":[1,'),
        body().replace(b'"format":"heic"', b'"format":"exe"'),
    ],
)
def test_a_file_other_than_a_manifest_of_this_version_is_not_read(other: bytes) -> None:
    assert manifests.read(other) is None


def properties(schema: Mapping[str, Any]) -> set[str]:
    return set(schema["properties"])


@pytest.mark.parametrize("cdn_url", [CDN_URL, None], ids=["URLs", "no URLs"])
@pytest.mark.parametrize("outcome", [PUBLISHED, CHOSEN], ids=["plain", "options"])
def test_manifests_match_the_schema(cdn_url: str | None, outcome: Outcome) -> None:
    fields = manifest(outcome, cdn_url=cdn_url)
    assert [error.message for error in VALIDATOR.iter_errors(fields)] == []


def test_the_schema_describes_every_field_and_no_other() -> None:
    fields = manifest(CHOSEN)
    assert set(fields) == properties(SCHEMA)
    assert set(fields["images"][0]) == properties(SCHEMA["$defs"]["image"])
    assert set(fields["variants"]["hero"]) == properties(SCHEMA["$defs"]["variant"])


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"format": "exe"},
        {"width": 0},
        {"images": []},
        {"images": [{"key": "a"}]},
        {"variants": {"hero": {"srcset": {"webp": "a.webp"}, "sizes": "1px", "picture": "<img>"}}},
    ],
    ids=str,
)
def test_the_schema_refuses_invalid_manifests(changes: Mapping[str, Any]) -> None:
    assert VALIDATOR.is_valid(manifest())
    assert not VALIDATOR.is_valid({**manifest(), **changes})


def test_the_schema_knows_the_formats_of_the_code() -> None:
    assert set(SCHEMA["properties"]["format"]["enum"]) == {*Format}
    assert set(SCHEMA["$defs"]["format"]["enum"]) == {*BROWSER_FORMATS}
