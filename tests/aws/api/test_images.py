"""What has become of one image, and who is told."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import index
import pytest
from pipeline.table import Table

from tests.aws.api.asking import ask, ask_about, forget, turn_on
from tests.aws.invoking import NASTY_KEY, handle, upload
from tests.factories import picture

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

LATER = {"sequencer": "0055AED6DCD90281E6"}


def remove(s3: "S3Client", key: str) -> None:
    """Delete a source, and have that handled."""
    s3.delete_object(Bucket="source", Key=key)
    removal = upload(s3, "other.jpg", picture(), **LATER)
    removal["eventName"] = "ObjectRemoved:Delete"
    removal["s3"]["object"]["key"] = key
    handle(removal)


def test_an_upload_is_waiting_until_it_is_ready(s3: "S3Client") -> None:
    event = upload(s3, "uploads/-/cat.jpg", picture(300, 200))
    assert ask_about("uploads/-/cat.jpg").json == {"key": "uploads/-/cat.jpg", "status": "waiting"}
    handle(event)
    ready = ask_about("uploads/-/cat.jpg").json
    assert (ready["status"], ready["width"], ready["height"]) == ("ready", 300, 200)
    assert ready["placeholder"]
    [variant] = ready["variants"]
    assert (variant["variant"], variant["width"], variant["height"]) == ("default", 100, 67)
    assert variant["content_type"] == "image/jpeg"
    there = s3.head_object(Bucket="processed", Key="uploads/-/cat.jpg")
    assert variant["bytes"] == there["ContentLength"]
    assert "X-Amz-Signature" in variant["url"]


def test_an_answer_tells_how_long_its_links_work(s3: "S3Client") -> None:
    handle(upload(s3, "cat.jpg", picture()))
    ready = ask_about("cat.jpg").json
    assert ready["expires_in"] == 3600
    assert "X-Amz-Expires=3600" in ready["variants"][0]["url"]


def test_an_upload_is_waiting_until_all_its_images_are_published(s3: "S3Client") -> None:
    handle(upload(s3, "cat.jpg", picture()))
    storage = index._storage()
    complete = storage.manifest("cat.jpg")
    assert complete
    storage.put_manifest(replace(complete.manifest, planned=("cat.jpg",)), over=complete)
    assert ask_about("cat.jpg").json["status"] == "waiting"


def test_records_and_manifests_tell_the_same(
    s3: "S3Client", table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle(upload(s3, "cat.jpg", picture(300, 200)))
    by_record = ask_about("cat.jpg").json
    monkeypatch.delenv("METADATA")
    forget()
    by_manifest = ask_about("cat.jpg").json
    assert by_record.pop("updated_at")
    for answer in (by_record, by_manifest):
        assert answer["variants"][0].pop("url")
    assert by_record == by_manifest


def test_images_from_before_the_records_are_known(
    s3: "S3Client", dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    handle(upload(s3, "cat.jpg", picture()))
    monkeypatch.setenv("METADATA", json.dumps({"table": "records"}))
    forget()
    assert ask_about("cat.jpg").json["status"] == "ready"


def test_a_rejection_is_told_with_its_reason_but_without_what_operators_read(
    s3: "S3Client", table: Table
) -> None:
    handle(upload(s3, "text.jpg", b"just text"))
    answer = ask_about("text.jpg").json
    assert (answer["status"], answer["reason"]) == ("rejected", "unsupported-format")
    assert answer["explanation"].startswith("The file is none of the kinds of image")
    assert "message" not in answer


def test_a_rejection_is_known_without_records(s3: "S3Client") -> None:
    handle(upload(s3, "text.jpg", b"just text"))
    answer = ask_about("text.jpg").json
    assert (answer["status"], answer["reason"]) == ("rejected", "unsupported-format")


def test_a_key_is_asked_for_with_whatever_is_in_it(s3: "S3Client") -> None:
    for key in (NASTY_KEY, "50% off.jpg", "50%25.jpg", "%41.jpg"):
        upload(s3, key, picture())
        assert ask_about(key).json == {"key": key, "status": "waiting"}


def test_what_was_never_uploaded_is_not_found() -> None:
    answer = ask_about("never.jpg")
    assert (answer.status, answer.json["detail"]) == (404, "There is no such image.")


@pytest.mark.parametrize("key", ["a" * 1025, "é" * 513, "a" * 2100])
def test_a_key_that_no_image_can_have_is_not_found_by_asking_nobody(
    table: Table, dynamodb: "DynamoDBClient", key: str
) -> None:
    dynamodb.delete_table(TableName="records")
    assert ask_about(key).status == 404


def test_what_was_removed_is_not_found(s3: "S3Client", table: Table) -> None:
    handle(upload(s3, "a.jpg", picture()))
    remove(s3, "a.jpg")
    assert ask_about("a.jpg").status == 404


def test_what_was_removed_and_uploaded_again_is_waiting(s3: "S3Client", table: Table) -> None:
    handle(upload(s3, "a.jpg", picture()))
    remove(s3, "a.jpg")
    upload(s3, "a.jpg", picture())
    assert ask_about("a.jpg").json == {"key": "a.jpg", "status": "waiting"}


@pytest.mark.usefixtures("subjects")
def test_a_subject_sees_its_own_and_nobody_elses(s3: "S3Client", table: Table) -> None:
    keys = [f"uploads/{owner}/cat.jpg" for owner in ("alice", "bob", "alice2", "-")]
    for key in [*keys, "cat.jpg"]:
        handle(upload(s3, key, picture()))
    own, *others = keys
    assert ask_about(own, subject="alice").status == 200
    for key in [*others, "cat.jpg", "uploads/alice", "uploads/alice/../bob/cat.jpg"]:
        assert ask_about(key, subject="alice").status == 404
    listed = ask("GET /images", subject="alice").json["images"]
    assert [image["key"] for image in listed] == [own]


@pytest.mark.usefixtures("subjects")
@pytest.mark.parametrize(
    "route",
    [
        ("POST /uploads", {"body": {"filename": "a", "content_type": "image/png", "size": 1}}),
        ("GET /images/{key+}", {"key": "uploads/-/a.jpg"}),
        ("GET /images", {}),
    ],
)
def test_a_token_without_subject_is_forbidden(
    table: Table, route: tuple[str, dict[str, Any]]
) -> None:
    name, details = route
    assert ask(name, **details, subject="").status == 403
    assert ask(name, **details).status == 403


def test_the_public_sees_what_the_public_uploaded(
    s3: "S3Client", table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_on(monkeypatch, "public")
    for key in ("uploads/-/cat.jpg", "uploads/alice/cat.jpg", "cat.jpg"):
        handle(upload(s3, key, picture()))
    listed = ask("GET /images").json["images"]
    assert [image["key"] for image in listed] == ["uploads/-/cat.jpg"]
    assert ask_about("cat.jpg").status == 404


def test_an_operator_sees_everything(s3: "S3Client", table: Table) -> None:
    keys = ["uploads/-/cat.jpg", "uploads/alice/cat.jpg", "cat.jpg"]
    for key in keys:
        handle(upload(s3, key, picture()))
        assert ask_about(key).json["status"] == "ready"
    assert {image["key"] for image in ask("GET /images").json["images"]} == set(keys)
