"""Newer uploads win, whoever comes first."""

from dataclasses import replace

import pytest
from pipeline.errors import KeyCollision, Superseded
from pipeline.model import Source
from pipeline.stamps import Stamp, Verdict, compare, encoded, is_newer

SOURCE = Source(bucket="source", key="a b.jpg", etag="e1", size=1, sequencer="0055AED6DCD90281E5")
STAMP = Stamp.of(SOURCE, recipe="r1")


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        ("02", "01", True),
        ("01", "02", False),
        ("01", "01", False),
        ("0A", "09", True),
        ("0a", "0A", False),
        ("1", "0F", True),  # 10 after 0F: the shorter is padded on the right
        ("01", "0100", False),
        ("0101", "01", True),
        ("01", "", True),
        ("", "01", False),
        ("", "", False),
    ],
)
def test_sequencers_compare_as_s3_documents(one: str, other: str, newer: bool) -> None:
    assert is_newer(one, other) is newer


def test_an_equal_stamp_is_kept() -> None:
    assert compare(STAMP, replace(STAMP)) is Verdict.KEEP


@pytest.mark.parametrize(
    "theirs",
    [
        replace(STAMP, recipe="r0"),
        replace(STAMP, source_sequencer="0055AED6DCD90281E4"),
        replace(STAMP, source_sequencer="0055AED6DCD90281E4", source_etag="e0"),
    ],
)
def test_an_older_stamp_gives_way(theirs: Stamp) -> None:
    assert compare(STAMP, theirs) is Verdict.REPLACE


def test_a_newer_stamp_stays() -> None:
    with pytest.raises(Superseded):
        compare(STAMP, replace(STAMP, source_sequencer="0055AED6DCD90281E6"))


def test_the_stamp_of_another_source_stays() -> None:
    with pytest.raises(KeyCollision, match=r"other\.png"):
        compare(STAMP, replace(STAMP, source_key="other.png", source_sequencer="00"))


def test_an_object_without_a_stamp_stays() -> None:
    with pytest.raises(KeyCollision, match="did not write"):
        compare(STAMP, Stamp.from_metadata({}))


@pytest.mark.parametrize("key", ["a b.jpg", "é" * 512, "\x01\n", "sha256:abc", "x" * 1024])
def test_stamps_survive_metadata_which_is_short_and_ascii(key: str) -> None:
    stamp = Stamp.of(replace(SOURCE, key=key, version="v" * 32), recipe="0" * 64)
    metadata = stamp.metadata()
    assert Stamp.from_metadata(metadata) == stamp
    assert all(value.isascii() and value.isprintable() for value in metadata.values())
    # The 2 KB that S3 allows count names and values.
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 2048


def test_long_keys_stay_distinct() -> None:
    assert encoded("é" * 512) != encoded("é" * 511 + "è")


def test_a_key_cannot_pass_for_the_hash_of_another() -> None:
    assert encoded(encoded("é" * 512)) != encoded("é" * 512)
