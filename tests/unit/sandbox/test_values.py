"""Values of the model survive the transfer between processes."""

import json
from dataclasses import replace

import pytest
from pipeline.model import Fit, Format, ImageInfo, Limits, Size, Style, Variant
from pipeline.sandbox.child import Job
from pipeline.sandbox.values import dumped, loaded

from tests.unit.imaging.pictures import LIMITS, VARIANT, style, watermark

INFO = ImageInfo(
    format=Format.PNG, size=Size(width=3, height=2), frames=1, has_alpha=True, warnings={"a": 1}
)
JOB = Job(
    length=5,
    limits=replace(LIMITS, formats=frozenset({Format.PNG, Format.GIF})),
    memory_bytes=7,
    cpu_seconds=9,
)


@pytest.mark.parametrize(
    "value",
    [
        INFO,
        LIMITS,
        JOB,
        VARIANT,
        replace(VARIANT, width=None, format=Format.WEBP, fit=Fit.COVER, position=None),
        style(),
        style(watermark=watermark()),
    ],
)
def test_a_value_survives_a_round_trip(value: ImageInfo | Limits | Job | Variant | Style) -> None:
    assert loaded(type(value), json.loads(json.dumps(dumped(value)))) == value


@pytest.mark.parametrize(
    "change",
    [
        {"frames": "1"},
        {"frames": True},
        {"frames": 1.0},
        {"frames": None},
        {"format": "svg"},
        {"size": [3, 2]},
        {"size": {"width": 3}},
        {"size": {"width": 3, "height": 2, "depth": 1}},
        {"warnings": []},
        {"more": 1},
    ],
)
def test_a_value_of_another_type_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"is no|is not a valid|has no fields"):
        loaded(ImageInfo, dumped(INFO) | change)
