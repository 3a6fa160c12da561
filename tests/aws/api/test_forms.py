"""Forms: one for every new upload, signed for that one alone."""

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.aws.api.asking import ask, ask_about
from tests.aws.invoking import handle, upload
from tests.factories import picture

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CAT = {"filename": "cat.jpg", "content_type": "image/jpeg", "size": 1000}


def test_a_form_is_for_one_key_type_and_size() -> None:
    answer = ask("POST /uploads", body=CAT)
    assert answer.status == 201
    form = answer.json
    assert form["key"].startswith("uploads/-/")
    assert form["key"].endswith("/cat.jpg")
    assert form["status_url"] == f"images/{form['key']}"
    assert form["expires_in"] == 300
    fields = form["upload"]["fields"]
    assert (fields["key"], fields["Content-Type"]) == (form["key"], "image/jpeg")
    assert fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert {"key": form["key"]} in policy["conditions"]
    assert {"Content-Type": "image/jpeg"} in policy["conditions"]
    assert ["content-length-range", 1, 20_000_000] in policy["conditions"]
    assert {"bucket": "source"} in policy["conditions"]


def test_forms_and_links_name_the_buckets_own_region(s3: "S3Client") -> None:
    form = ask("POST /uploads", body=CAT).json["upload"]
    assert urlsplit(form["url"]).netloc == "source.s3.eu-west-1.amazonaws.com"
    handle(upload(s3, "a.jpg", picture()))
    [variant] = ask_about("a.jpg").json["variants"]
    assert urlsplit(variant["url"]).netloc == "processed.s3.eu-west-1.amazonaws.com"


@pytest.mark.usefixtures("subjects")
def test_a_subject_uploads_under_its_own_prefix() -> None:
    key = ask("POST /uploads", body=CAT, subject="alice").json["key"]
    assert key.startswith("uploads/alice/")


def test_a_file_needs_no_extension_for_its_type_tells() -> None:
    key = ask("POST /uploads", body={**CAT, "filename": "IMG 0001"}).json["key"]
    assert key.endswith("/IMG-0001.jpg")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 400),
        ("", 400),
        ("{", 400),
        ("[" * 100_000, 400),
        ('{"size": ' + "9" * 5000 + "}", 400),
        ([], 422),
        ({}, 422),
        ({**CAT, "size": 20_000_001}, 422),
        ({**CAT, "size": 0}, 422),
        ({**CAT, "content_type": "text/html"}, 422),
        ({**CAT, "content_type": "image/svg+xml"}, 422),
        ({**CAT, "content_type": ""}, 422),
        ({**CAT, "filename": ""}, 422),
        ({**CAT, "key": "mine.jpg"}, 422),
    ],
)
def test_a_request_that_is_not_as_described_is_a_problem(body: Any, status: int) -> None:
    answer = ask("POST /uploads", body=body)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert set(answer.json) <= {"type", "title", "status", "detail", "errors"}


def test_a_problem_names_what_is_wrong() -> None:
    problem = ask("POST /uploads", body={**CAT, "size": 20_000_001}).json
    assert problem["detail"] == "#/size must be at most 20,000,000."
    assert problem["errors"] == [{"pointer": "#/size", "detail": "must be at most 20,000,000"}]


def test_a_file_of_no_known_type_is_told_which_there_are() -> None:
    problem = ask("POST /uploads", body={**CAT, "filename": "cat", "content_type": ""}).json
    assert problem["detail"].startswith("#/content_type must be one of image/jpeg, image/png, ")
