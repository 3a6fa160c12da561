"""The provenance in an image's metadata, and the facts that only the record has."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from pipeline.aws.storage import RETIRED
from pipeline.model import Format, ImageInfo, Rendition, Size, Source, UploadOptions
from pipeline.provenance import MAX_BYTES, Provenance, encoded

SOURCE = Source(bucket="b", key="a b/é.jpg", etag="e", size=9, version="v")
INFO = ImageInfo(format=Format.JPEG, size=Size(width=4, height=3), frames=1, has_alpha=False)
RENDITION = Rendition(
    variant="web",
    body=b"",
    format=Format.WEBP,
    size=Size(width=2, height=1),
    warnings={"over_limit_by": 12},
)


def provenance(source: Source = SOURCE, info: ImageInfo = INFO) -> Provenance:
    return Provenance.of(source, "r", info, RENDITION)


def test_provenance_survives_a_round_trip() -> None:
    assert Provenance.from_metadata(provenance().metadata()) == provenance()


def test_the_facts_describe_the_image_and_its_source() -> None:
    facts = provenance().read_facts()
    assert facts
    assert (facts["width"], facts["height"], facts["format"]) == (2, 1, "webp")
    assert facts["warnings"] == {"over_limit_by": 12}
    assert ImageInfo.of(facts["source"]) == INFO


def test_long_options_of_an_upload_fit_into_the_metadata() -> None:
    names = tuple(f"variant-of-some-length-{number}" for number in range(50))
    source = replace(SOURCE, key="a" * 1024, options=UploadOptions(variants=names))
    written = provenance(source).metadata()
    assert sum(len(name) + len(value) for name, value in written.items()) <= MAX_BYTES
    assert Provenance.from_metadata(written).source_identity == source.identity


def test_an_object_without_metadata_has_no_source() -> None:
    stranger = Provenance.from_metadata({})
    assert not stranger.is_of("a.jpg")
    assert stranger.read_facts() is None


@pytest.mark.parametrize("key", ["a" * 1024, "é" * 512, "a b" * 300])
def test_it_fits_into_the_metadata_of_an_object(key: str) -> None:
    long = provenance(replace(SOURCE, key=key), replace(INFO, warnings={"metadata": "é" * 300}))
    size = sum(len(name) + len(value) for name, value in long.metadata().items())
    assert size <= MAX_BYTES
    assert all(value.isascii() for value in long.metadata().values())
    assert long.is_of(key)


def test_exif_facts_are_only_in_the_record() -> None:
    output = provenance(info=replace(INFO, exif={"place": "48.1 11.6"}))
    assert "48.1" not in str(output.metadata())
    assert output.read_facts() is None  # so that an incomplete set is never used


def test_a_long_key_is_hashed_and_no_other_key_looks_like_a_hash() -> None:
    long = encoded("é" * 512)
    assert long.startswith("sha256:")
    assert encoded(long) != long


def test_a_cdn_does_not_show_it() -> None:
    configuration = (Path(__file__).parents[2] / "modules" / "cdn" / "main.tf").read_text()
    [removed] = re.findall(r'for name in (\[.*\]) : "x-amz-meta-', configuration)
    names = {field.name.replace("_", "-") for field in fields(Provenance)}
    assert set(json.loads(removed)) == {*names, RETIRED}
