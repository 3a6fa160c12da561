"""The status of one image, and who may see it."""

from typing import TYPE_CHECKING, Any

import pytest
from pipeline.aws.table import Table

from tests.aws.api.asking import ask, ask_about, ask_in_query, turn_on
from tests.aws.invoking import NASTY_KEY, handle, upload
from tests.factories import picture, record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


def remove(s3: "S3Client", key: str) -> None:
    """Delete a source and handle the event."""
    s3.delete_object(Bucket="source", Key=key)
    handle(record(key, name="ObjectRemoved:Delete"))


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


def test_a_response_says_how_long_its_links_are_valid(s3: "S3Client") -> None:
    handle(upload(s3, "cat.jpg", picture()))
    ready = ask_about("cat.jpg").json
    assert ready["expires_in"] == 3600
    assert "X-Amz-Expires=3600" in ready["variants"][0]["url"]


def test_links_to_a_cdn_do_not_expire(s3: "S3Client", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDN_URL", "https://images.example.com")
    handle(upload(s3, NASTY_KEY, picture()))
    [ready] = ask_in_query(NASTY_KEY)
    assert ready["variants"][0]["url"] == "https://images.example.com/a%20b%2Bc%25%C3%A9.jpg"
    assert "expires_in" not in ready
    policy = ask("GET /").headers["Content-Security-Policy"]
    assert "img-src blob: data: https://images.example.com;" in policy


def test_links_are_presigned_if_the_cdn_asks_for_signatures(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_on(monkeypatch, "operator", presign=True)
    monkeypatch.setenv("CDN_URL", "https://images.example.com")
    handle(upload(s3, "cat.jpg", picture()))
    ready = ask_about("cat.jpg").json
    assert "X-Amz-Signature" in ready["variants"][0]["url"]
    assert ready["expires_in"] == 3600


def test_a_rejection_has_a_reason_but_no_message_for_operators(
    s3: "S3Client", table: Table
) -> None:
    handle(upload(s3, "text.jpg", b"just text"))
    response = ask_about("text.jpg").json
    assert (response["status"], response["reason"]) == ("rejected", "unsupported-format")
    assert response["explanation"].startswith("The file is not in an image format")
    assert "message" not in response


@pytest.mark.parametrize("key", [NASTY_KEY, "50% off.jpg", "50%25.jpg", "%41.jpg", "a?b=c&d#.jpg"])
def test_any_key_can_be_requested_in_the_query(s3: "S3Client", key: str) -> None:
    upload(s3, key, picture())
    assert ask_in_query(key) == [{"key": key, "status": "waiting"}]


def test_path_and_query_give_the_same_response(s3: "S3Client", table: Table) -> None:
    handle(upload(s3, "a b+c.jpg", picture()))
    [in_query] = ask_in_query("a b+c.jpg")
    in_path = ask_about("a b+c.jpg").json
    for response in (in_query, in_path):
        assert response["variants"][0].pop("url")
    assert in_query == in_path


# An HTTP API decodes everything in a path but %25; how it treats escapes after that is unknown.
@pytest.mark.parametrize("key", ["50% off.jpg", "50%25.jpg", "%41.jpg", "a?b.jpg"])
def test_a_key_without_an_unambiguous_path_is_referred_to_the_query(
    s3: "S3Client", key: str
) -> None:
    upload(s3, key, picture())
    response = ask_about(key)
    assert response.status == 400
    assert "ask for images?key=" in response.json["detail"]


def test_what_was_never_uploaded_is_not_found() -> None:
    assert ask_in_query("never.jpg") == []
    response = ask_about("never.jpg")
    assert (response.status, response.json["detail"]) == (404, "There is no such image.")


@pytest.mark.parametrize("key", ["a" * 1025, "é" * 513, "a" * 2100])
def test_a_key_that_is_too_long_is_not_found_without_a_request_to_aws(
    table: Table, dynamodb: "DynamoDBClient", key: str
) -> None:
    dynamodb.delete_table(TableName="records")
    assert ask_about(key).status == 404
    assert ask_in_query(key) == []


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
def test_a_subject_sees_its_own_images_only(s3: "S3Client", table: Table) -> None:
    keys = [f"uploads/{owner}/cat.jpg" for owner in ("alice", "bob", "alice2", "-")]
    for key in [*keys, "cat.jpg"]:
        handle(upload(s3, key, picture()))
    own, *others = keys
    assert ask_about(own, subject="alice").status == 200
    for key in [*others, "cat.jpg", "uploads/alice", "uploads/alice/../bob/cat.jpg"]:
        assert ask_about(key, subject="alice").status == 404
        assert ask_in_query(key, subject="alice") == []
    assert [image["key"] for image in ask_in_query(own, subject="alice")] == [own]
    listed = ask("GET /images", subject="alice").json["images"]
    assert [image["key"] for image in listed] == [own]


@pytest.mark.usefixtures("subjects")
@pytest.mark.parametrize(
    "route",
    [
        ("POST /uploads", {"body": {"filename": "a", "content_type": "image/png", "size": 1}}),
        ("GET /images/{key+}", {"key": "uploads/-/a.jpg"}),
        ("GET /images", {}),
        ("GET /images", {"query": {"key": "uploads/-/a.jpg"}}),
    ],
)
def test_a_token_without_subject_is_forbidden(
    table: Table, route: tuple[str, dict[str, Any]]
) -> None:
    name, details = route
    assert ask(name, **details, subject="").status == 403
    assert ask(name, **details).status == 403


def test_the_public_sees_public_uploads_only(
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
