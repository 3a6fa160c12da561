"""Notifications and EventBridge select the same uploads by prefix and suffix."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Pipeline
from tests.factories import picture

PREFIX = "my photos+/é "
SUFFIX = " (1).jpg"
OTHERS = ("my+photos%2B/é 1 (1).jpg", "my photos+/é 1.jpg", "é 1 (1).jpg")


@pytest.fixture(scope="module", params=[None, {}], ids=["direct", "workflow"])
def filtered(pipeline: Pipeline, request: pytest.FixtureRequest) -> Pipeline:
    """Deploy a prefix and a suffix with characters that forms encode, on one of the two paths."""
    workflow: Mapping[str, Any] | None = request.param
    pipeline.apply(trigger_prefix=PREFIX, trigger_suffixes=[SUFFIX], workflow=workflow)
    return pipeline


def test_prefix_and_suffix_are_compared_with_the_plain_key(
    filtered: Pipeline, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture())
    key = f"{PREFIX}{request.node.callspec.id}{SUFFIX}"
    for other in OTHERS:
        filtered.upload(photo, other)

    filtered.upload(photo, key)

    filtered.published(f"small/{key}")
    assert not [key for key in filtered.keys("small/") if key.removeprefix("small/") in OTHERS]
