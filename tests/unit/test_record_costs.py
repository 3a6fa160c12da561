"""DynamoDB's write units for a record, by its documented rules for item sizes.

Source: "DynamoDB item sizes and formats" in the Amazon DynamoDB developer guide.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pipeline.model import Format, Image, ImageInfo, Outcome, Size, Source, Status
from pipeline.records import of_outcome

DAY = "2026-01-31/019c1234-5678-7abc-8def-0123456789ab"

WRITE_UNIT = 1024


def record(source_key: str, variants: Sequence[str], cdn_url: str | None = None) -> dict[str, Any]:
    """Return a record of realistic length: names, versions and hashes as on AWS."""
    images = tuple(
        Image(
            variant=variant,
            etag="d41d8cd98f00b204e9800998ecf8427e",
            key=f"{variant}/{source_key}",
            format=Format.JPEG,
            width=1600,
            height=1067,
            bytes=234567,
        )
        for variant in variants
    )
    outcome = Outcome(
        status=Status.PUBLISHED,
        source=Source(
            bucket="image-pipeline-source-123456789012",
            key=source_key,
            etag="d41d8cd98f00b204e9800998ecf8427e",
            size=4567891,
            version="3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH",
        ),
        info=ImageInfo(
            format=Format.JPEG,
            size=Size(width=4032, height=3024),
            frames=1,
            has_alpha=False,
            dominant_color="#c81d3d",
            placeholder="mFkDBYCllvp+iIiDiMiIgqCJZPY4mFkDBYCl",
        ),
        images=images,
        confirmed_at=datetime.now(UTC),
    )
    return of_outcome(
        outcome,
        source_key=source_key,
        bucket="image-pipeline-source-123456789012",
        cdn_url=cdn_url,
        started_at=datetime.now(UTC),
        now=datetime.now(UTC),
    ).fields()


def item_size(fields: Mapping[str, Any]) -> int:
    return sum(len(name.encode()) + value_size(value) for name, value in fields.items())


def value_size(value: Any) -> int:
    match value:
        case str():
            return len(value.encode())
        case bool():
            return 1
        case int():
            return (len(str(value).strip("0")) + 1) // 2 + 1
        case list():
            return 3 + sum(1 + value_size(element) for element in value)
        case dict():
            return 3 + item_size(value) + len(value)
    raise AssertionError(f"no record has {value!r}")


@pytest.mark.parametrize(
    ("source_key", "variants", "units"),
    [
        ("cats/tom.jpg", ["large"], 1),
        ("cats/tom.jpg", ["large", "card", "thumb"], 1),
        ("cats/tom.jpg", ["large", "card", "thumb", "small"], 1),
        (f"uploads/-/{DAY}/tom.jpg", ["large", "card"], 1),
        (f"uploads/-/{DAY}/tom.jpg", ["large", "card", "thumb"], 1),
        (f"uploads/-/{DAY}/tom.jpg", ["large", "card", "thumb", "small"], 2),
        (f"uploads/b7d0c3ae-1d5e-4a52-9d4c-0a6c3f3c5b11/{DAY}/tom.jpg", ["large"], 1),
        (f"uploads/_{'0' * 64}/{DAY}/{'x' * 80}.jpg", ["large", "card", "thumb"], 2),
    ],
)
def test_write_units_of_a_record(source_key: str, variants: Sequence[str], units: int) -> None:
    size = item_size(record(source_key, variants))
    assert -(-size // WRITE_UNIT) == units, f"{size} bytes"


@pytest.mark.parametrize(
    ("source_key", "variants", "units"),
    [
        ("cats/tom.jpg", ["large", "card", "thumb"], 1),
        ("cats/tom.jpg", ["large", "card", "thumb", "small"], 2),
        (f"uploads/-/{DAY}/tom.jpg", ["large", "card", "thumb"], 2),
    ],
)
def test_write_units_of_a_record_with_urls(
    source_key: str, variants: Sequence[str], units: int
) -> None:
    size = item_size(record(source_key, variants, "https://d111111abcdef8.cloudfront.net"))
    assert -(-size // WRITE_UNIT) == units, f"{size} bytes"
