"""Upload forms: one for each upload, signed for its key, type and size."""

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


def test_a_form_allows_one_key_type_and_size() -> None:
    response = ask("POST /uploads", body=CAT)
    assert response.status == 201
    form = response.json
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
    assert ["content-length-range", 1000, 1000] in policy["conditions"]
    assert {"bucket": "source"} in policy["conditions"]


@pytest.fixture
def choosing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPLOAD_OPTIONS", "true")


@pytest.mark.usefixtures("choosing")
def test_a_form_carries_what_the_upload_chooses() -> None:
    options = {"variants": "default", "watermark": "off", "focus": "0.3,0.6"}
    fields = ask("POST /uploads", body={**CAT, "options": options}).json["upload"]["fields"]
    assert fields["x-amz-meta-focus"] == "0.3,0.6"
    conditions = json.loads(base64.b64decode(fields["policy"]))["conditions"]
    for name, value in options.items():
        assert {f"x-amz-meta-{name}": value} in conditions


@pytest.mark.usefixtures("choosing")
@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"variants": "wide"}, "variants is 'wide': wide is none of default"),
        ({"focus": "2,0"}, "focus is '2,0': it must be two numbers from 0 to 1, such as 0.3,0.6"),
        ({"watermark": "maybe"}, "must be one of on, off"),
        ({"size": "1"}, "has only variants, watermark, focus"),
    ],
)
def test_an_invalid_choice_gets_no_form(options: dict[str, str], detail: str) -> None:
    response = ask("POST /uploads", body={**CAT, "options": options})
    assert response.status == 422
    assert detail in response.json["detail"]


def test_choices_are_refused_where_uploads_have_none() -> None:
    response = ask("POST /uploads", body={**CAT, "options": {"focus": "0.3,0.6"}})
    assert response.status == 422
    assert response.json["detail"] == "# has only filename, content_type, size."


def test_forms_and_links_name_the_region_of_the_bucket(s3: "S3Client") -> None:
    form = ask("POST /uploads", body=CAT).json["upload"]
    assert urlsplit(form["url"]).netloc == "source.s3.eu-west-1.amazonaws.com"
    handle(upload(s3, "a.jpg", picture()))
    [variant] = ask_about("a.jpg").json["variants"]
    assert urlsplit(variant["url"]).netloc == "processed.s3.eu-west-1.amazonaws.com"


@pytest.mark.usefixtures("subjects")
def test_a_subject_uploads_under_its_own_prefix() -> None:
    key = ask("POST /uploads", body=CAT, subject="alice").json["key"]
    assert key.startswith("uploads/alice/")


def test_the_type_decides_the_extension() -> None:
    key = ask("POST /uploads", body={**CAT, "filename": "IMG 0001"}).json["key"]
    assert key.endswith("/IMG-0001.jpg")


@pytest.mark.parametrize(
    ("declared", "registered", "extension"),
    [
        ("IMAGE/JPEG", "image/jpeg", ".jpg"),
        ("image/jpg", "image/jpeg", ".jpg"),
        ("image/pjpeg", "image/jpeg", ".jpg"),
        ("Image/Jpg", "image/jpeg", ".jpg"),
        ("image/x-png", "image/png", ".png"),
        ("image/x-ms-bmp", "image/bmp", ".bmp"),
    ],
)
def test_types_are_accepted_by_old_names_and_in_any_case(
    declared: str, registered: str, extension: str
) -> None:
    form = ask("POST /uploads", body={**CAT, "content_type": declared}).json
    assert form["upload"]["fields"]["Content-Type"] == registered
    assert form["key"].endswith(f"/cat{extension}")


def test_a_size_may_have_an_exponent() -> None:
    form = ask("POST /uploads", body='{"filename":"a","content_type":"image/png","size":1e3}').json
    policy = json.loads(base64.b64decode(form["upload"]["fields"]["policy"]))
    assert ["content-length-range", 1000, 1000] in policy["conditions"]


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
        ({**CAT, "content_type": None}, 422),
        ({**CAT, "content_type": ["image/jpeg"]}, 422),
        ({**CAT, "filename": ""}, 422),
        ({**CAT, "key": "mine.jpg"}, 422),
    ],
)
def test_a_request_that_violates_the_description_is_a_problem(body: Any, status: int) -> None:
    response = ask("POST /uploads", body=body)
    assert response.status == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json["status"] == status
    assert set(response.json) <= {"type", "title", "status", "detail", "errors"}


def test_a_problem_points_to_what_is_wrong() -> None:
    problem = ask("POST /uploads", body={**CAT, "size": 20_000_001}).json
    assert problem["detail"] == "#/size must be at most 20,000,000."
    assert problem["errors"] == [{"pointer": "#/size", "detail": "must be at most 20,000,000"}]


def test_an_unknown_type_is_answered_with_the_accepted_ones() -> None:
    problem = ask("POST /uploads", body={**CAT, "filename": "cat", "content_type": ""}).json
    assert problem["detail"].startswith("#/content_type must be one of image/jpeg, image/png, ")
