"""The keys of new uploads, and the prefixes of their owners."""

import re
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import NoCredentialsError
from pipeline import web
from pipeline.aws.uploads import (
    _ALIASES,
    ANONYMOUS,
    EXTENSIONS,
    Uploads,
    new_key,
    owner_of,
    prefix_of,
    safe_name,
)
from pipeline.errors import Rejected, TransientFailure, UnreadableEvent
from pipeline.web.api import EXPLANATIONS


def test_a_key_holds_owner_day_and_name() -> None:
    key = new_key("My cat.JPG", "image/jpeg", owner="alice")
    folder, owner, day, unique, name = key.split("/")
    assert (folder, owner, name) == ("uploads", "alice", "My-cat.jpg")
    assert day == f"{datetime.now(UTC):%Y-%m-%d}"
    assert UUID(unique).version == 7
    assert UUID(unique).variant == "specified in RFC 4122"


def test_keys_are_unique_and_sort_by_time() -> None:
    earlier = {new_key("a.png", "image/png", owner="-") for _ in range(50)}
    time.sleep(0.002)
    later = {new_key("a.png", "image/png", owner="-") for _ in range(50)}
    assert len(earlier | later) == 100
    assert max(earlier) < min(later)


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("photo.jpg", "photo"),
        ("IMG 0001", "IMG-0001"),
        ("Café au lait.jpeg", "Cafe-au-lait"),
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\tom.png", "tom"),
        ("a\nb\x00c.png", "a-b-c"),
        ("<script>.png", "script"),
        ("ネコ.png", "image"),
        (".htaccess", "htaccess"),
        ("x" * 300 + ".png", "x" * 80),
        ("/", "image"),
    ],
)
def test_file_names_become_portable(filename: str, name: str) -> None:
    assert safe_name(filename) == name


@pytest.mark.parametrize(
    "subject",
    ["-", "..", "", "auth0|5f7c", "a/b", "a b", "é", "x" * 65, "_" + "0" * 64, "-alice", "a%2Fb"],
)
def test_a_subject_with_special_characters_is_hashed(subject: str) -> None:
    assert re.fullmatch("_[0-9a-f]{64}", owner_of(subject))


def test_a_plain_subject_is_its_own_name() -> None:
    assert (
        owner_of("b7d0c3ae-1d5e-4a52-9d4c-0a6c3f3c5b11") == "b7d0c3ae-1d5e-4a52-9d4c-0a6c3f3c5b11"
    )


def test_no_two_subjects_share_a_prefix() -> None:
    subjects = ["alice", "alice2", "Alice", "-", ANONYMOUS + "x", "alice/", "alice/bob"]
    prefixes = {prefix_of(owner_of(subject)) for subject in subjects} | {prefix_of(ANONYMOUS)}
    assert len(prefixes) == len(set(subjects)) + 1
    assert not any(one != other and one.startswith(other) for one in prefixes for other in prefixes)


def test_the_description_lists_the_accepted_types() -> None:
    upload = web.description(max_bytes=1000, accepts_options=True)["components"]["schemas"][
        "Upload"
    ]["properties"]
    assert upload["content_type"]["enum"] == list(EXTENSIONS)
    assert upload["size"]["maximum"] == 1000


def test_every_alias_is_of_an_accepted_type() -> None:
    assert set(_ALIASES.values()) <= set(EXTENSIONS)
    assert not set(_ALIASES) & set(EXTENSIONS)


def test_every_reason_has_an_explanation() -> None:
    # An unreadable event has no key to look up.
    reasons = {error.reason for error in Rejected.__subclasses__()} - {UnreadableEvent.reason}
    assert set(EXPLANATIONS) == reasons


class WithoutCredentials:
    """A client that cannot sign anything."""

    def generate_presigned_post(self, *_: object, **__: object) -> None:
        raise NoCredentialsError

    generate_presigned_url = generate_presigned_post


def test_what_cannot_be_signed_can_be_tried_again() -> None:
    client: Any = WithoutCredentials()
    uploads = Uploads(
        client, source_bucket="in", processed_bucket="out", form_seconds=60, link_seconds=60
    )
    with pytest.raises(TransientFailure, match="cannot sign a form: Unable to locate credentials"):
        uploads.form("a.jpg", "image/jpeg", 1)
    with pytest.raises(TransientFailure, match="cannot sign a link: Unable to locate credentials"):
        uploads.link("a.jpg")
