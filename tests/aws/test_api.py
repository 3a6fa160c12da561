"""The upload API, from the events of API Gateway to forms, states and lists."""

import io
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import index
import pytest
from pipeline.errors import ConfigurationError
from pipeline.table import Table

from tests.aws.invoking import Context, handle, upload
from tests.factories import picture, request

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.usefixtures("configured")

CAT = {"filename": "cat.jpg", "content_type": "image/jpeg", "size": 1000}


class Response:
    """What API Gateway would send."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.status = answer["statusCode"]
        self.headers = answer["headers"]
        self.text = answer["body"]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def ask(route: str, **details: Any) -> Response:
    return Response(index.handler(request(route, **details), Context()))


def turn_on(monkeypatch: pytest.MonkeyPatch, access: str) -> None:
    fields = {"bucket": "source", "access": access, "form_seconds": 300, "link_seconds": 3600}
    monkeypatch.setenv("UPLOAD_API", json.dumps(fields))


@pytest.fixture(autouse=True)
def operator(configured: None, monkeypatch: pytest.MonkeyPatch) -> None:
    turn_on(monkeypatch, "operator")


@pytest.fixture
def subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    turn_on(monkeypatch, "subject")


@pytest.fixture
def table(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setenv("METADATA", json.dumps({"table": "records"}))
    return Table(dynamodb, "records")


def test_a_form_is_for_one_key_type_and_size(s3: "S3Client") -> None:
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
    policy = decoded(fields["policy"])
    assert {"key": form["key"]} in policy["conditions"]
    assert {"Content-Type": "image/jpeg"} in policy["conditions"]
    assert ["content-length-range", 1, 20_000_000] in policy["conditions"]
    assert {"bucket": "source"} in policy["conditions"]


def decoded(policy: str) -> Any:
    import base64

    return json.loads(base64.b64decode(policy))


def test_forms_and_links_name_the_buckets_own_region(s3: "S3Client") -> None:
    form = ask("POST /uploads", body=CAT).json["upload"]
    assert urlsplit(form["url"]).netloc == "source.s3.eu-west-1.amazonaws.com"
    handle(upload(s3, "a.jpg", picture()))
    [variant] = ask("GET /images/{key+}", key="a.jpg").json["variants"]
    assert urlsplit(variant["url"]).netloc == "processed.s3.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 400),
        ("", 400),
        ("{", 400),
        ("[" * 100_000, 400),
        ([], 422),
        ({}, 422),
        ({**CAT, "size": 20_000_001}, 422),
        ({**CAT, "size": 0}, 422),
        ({**CAT, "content_type": "text/html"}, 422),
        ({**CAT, "content_type": "image/svg+xml"}, 422),
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


def test_an_upload_is_waiting_until_it_is_ready(s3: "S3Client") -> None:
    event = upload(s3, "uploads/-/cat.jpg", picture(300, 200))
    assert ask("GET /images/{key+}", key="uploads/-/cat.jpg").json == {
        "key": "uploads/-/cat.jpg",
        "status": "waiting",
    }
    handle(event)
    ready = ask("GET /images/{key+}", key="uploads/-/cat.jpg").json
    assert (ready["status"], ready["width"], ready["height"]) == ("ready", 300, 200)
    assert ready["placeholder"]
    [variant] = ready["variants"]
    assert (variant["variant"], variant["width"], variant["height"]) == ("default", 100, 67)
    assert variant["content_type"] == "image/jpeg"
    there = s3.head_object(Bucket="processed", Key="uploads/-/cat.jpg")
    assert variant["bytes"] == there["ContentLength"]
    assert "X-Amz-Signature" in variant["url"]


def test_an_upload_is_waiting_until_all_its_images_are_there(s3: "S3Client") -> None:
    handle(upload(s3, "cat.jpg", picture()))
    s3.delete_object(Bucket="processed", Key="cat.jpg")
    assert ask("GET /images/{key+}", key="cat.jpg").json["status"] == "waiting"


def test_records_and_manifests_tell_the_same(
    s3: "S3Client", table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle(upload(s3, "cat.jpg", picture(300, 200)))
    by_record = ask("GET /images/{key+}", key="cat.jpg").json
    monkeypatch.delenv("METADATA")
    forget()
    by_manifest = ask("GET /images/{key+}", key="cat.jpg").json
    assert by_record.pop("updated_at")
    for answer in (by_record, by_manifest):
        assert answer["variants"][0].pop("url")
    assert by_record == by_manifest


def forget() -> None:
    for cached in (index._settings, index._table, index._api):
        cached.cache_clear()


def test_images_from_before_the_records_are_known(
    s3: "S3Client", dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    handle(upload(s3, "cat.jpg", picture()))
    monkeypatch.setenv("METADATA", json.dumps({"table": "records"}))
    forget()
    assert ask("GET /images/{key+}", key="cat.jpg").json["status"] == "ready"


def test_a_rejection_is_told_with_its_reason_but_without_what_operators_read(
    s3: "S3Client", table: Table
) -> None:
    handle(upload(s3, "text.jpg", b"just text"))
    answer = ask("GET /images/{key+}", key="text.jpg").json
    assert (answer["status"], answer["reason"]) == ("rejected", "unsupported-format")
    assert answer["explanation"].startswith("The file is none of the kinds of image")
    assert "message" not in answer


def test_what_was_never_uploaded_is_not_found(s3: "S3Client") -> None:
    answer = ask("GET /images/{key+}", key="never.jpg")
    assert (answer.status, answer.json["detail"]) == (404, "There is no such image.")


def test_what_was_removed_is_not_found(s3: "S3Client", table: Table) -> None:
    handle(upload(s3, "a.jpg", picture()))
    s3.delete_object(Bucket="source", Key="a.jpg")
    removal = upload(s3, "b.jpg", picture(), sequencer="0055AED6DCD90281E6")
    removal["eventName"] = "ObjectRemoved:Delete"
    removal["s3"]["object"]["key"] = "a.jpg"
    handle(removal)
    assert ask("GET /images/{key+}", key="a.jpg").status == 404


@pytest.mark.usefixtures("subjects")
def test_a_subject_uploads_under_its_own_prefix(s3: "S3Client") -> None:
    key = ask("POST /uploads", body=CAT, subject="alice").json["key"]
    assert key.startswith("uploads/alice/")


@pytest.mark.usefixtures("subjects")
def test_a_subject_sees_its_own_and_nobody_elses(s3: "S3Client", table: Table) -> None:
    keys = [f"uploads/{owner}/cat.jpg" for owner in ("alice", "bob", "alice2", "-")]
    for key in [*keys, "cat.jpg"]:
        handle(upload(s3, key, picture()))
    own, *others = keys
    assert ask("GET /images/{key+}", key=own, subject="alice").status == 200
    for key in [*others, "cat.jpg", "uploads/alice", "uploads/alice/../bob/cat.jpg"]:
        assert ask("GET /images/{key+}", key=key, subject="alice").status == 404
    listed = ask("GET /images", subject="alice").json["images"]
    assert [image["key"] for image in listed] == [own]


@pytest.mark.usefixtures("subjects")
@pytest.mark.parametrize(
    "route", [("POST /uploads", {"body": CAT}), ("GET /images/{key+}", {"key": "uploads/-/a.jpg"})]
)
def test_a_token_without_subject_is_forbidden(
    s3: "S3Client", route: tuple[str, dict[str, Any]]
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
    assert ask("GET /images/{key+}", key="cat.jpg").status == 404


def test_an_operator_sees_everything(s3: "S3Client", table: Table) -> None:
    keys = ["uploads/-/cat.jpg", "uploads/alice/cat.jpg", "cat.jpg"]
    for key in keys:
        handle(upload(s3, key, picture()))
        assert ask("GET /images/{key+}", key=key).json["status"] == "ready"
    assert {image["key"] for image in ask("GET /images").json["images"]} == set(keys)


def test_lists_come_in_pages(s3: "S3Client", table: Table) -> None:
    for number in range(3):
        handle(upload(s3, f"{number}.jpg", picture()))
    handle(upload(s3, "text.jpg", b"just text"))
    first = ask("GET /images", query={"limit": "2"}).json
    second = ask("GET /images", query={"limit": "2", "next": first["next"]}).json
    keys = [image["key"] for image in first["images"] + second["images"]]
    assert keys == ["2.jpg", "1.jpg", "0.jpg"]
    assert "next" not in second
    rejected = ask("GET /images", query={"status": "rejected"}).json["images"]
    assert [image["key"] for image in rejected] == ["text.jpg"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "many"},
        {"limit": "-1"},
        {"limit": "²"},
        {"status": "deleted"},
        {"next": ""},
        {"next": "é"},
        {"next": "abc"},
        {"next": "e30="},
        {"next": "eyJzb3VyY2Vfa2V5IjogIiIsICJ1cGRhdGVkX2F0IjogIiJ9"},
        {"next": "eyJzb3VyY2Vfa2V5IjogMSwgInVwZGF0ZWRfYXQiOiAxfQ=="},
    ],
)
def test_a_query_that_is_not_as_described_is_a_problem(table: Table, query: dict[str, str]) -> None:
    answer = ask("GET /images", query=query)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_there_are_no_lists_without_records(s3: "S3Client") -> None:
    answer = ask("GET /images")
    assert answer.status == 501
    assert answer.json["detail"] == "A list needs the records of the metadata part, which is off."


def test_the_page_allows_nothing_but_itself_and_the_buckets(s3: "S3Client") -> None:
    answer = ask("GET /")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(
        directive.split(" ", 1)
        for directive in answer.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"].startswith("'sha256-")
    assert policy["style-src"].startswith("'sha256-")
    assert policy["connect-src"] == "'self' https://source.s3.eu-west-1.amazonaws.com"
    assert policy["img-src"].endswith("https://processed.s3.eu-west-1.amazonaws.com")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("route", ["GET /", "GET /openapi.json", "GET /images", "GET /none"])
def test_every_answer_has_the_security_headers(s3: "S3Client", route: str) -> None:
    headers = ask(route).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Strict-Transport-Security"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_the_description_tells_the_real_limit(s3: "S3Client") -> None:
    schemas = ask("GET /openapi.json").json["components"]["schemas"]
    assert schemas["Upload"]["properties"]["size"]["maximum"] == 20_000_000


def test_another_address_is_not_found() -> None:
    assert ask("GET /none").json["status"] == 404


def test_what_fails_outside_is_logged_but_not_told(
    table: Table, dynamodb: "DynamoDBClient", log: io.StringIO
) -> None:
    dynamodb.delete_table(TableName="records")
    answer = ask("GET /images/{key+}", key="a.jpg")
    assert (answer.status, answer.json["detail"]) == (503, "Try again in a moment.")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert "cannot read a record" in lines[0]["detail"]
    assert lines[1]["http_status"] == 503


def test_what_nobody_expected_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_storage", lambda: None)
    forget()
    with pytest.raises(AttributeError):
        ask("GET /images/{key+}", key="a.jpg")


def test_a_request_while_the_api_is_off_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPLOAD_API")
    with pytest.raises(ConfigurationError, match="off"):
        ask("GET /images")


def test_one_line_tells_of_a_request(s3: "S3Client", log: io.StringIO) -> None:
    ask("GET /images/{key+}", key="secret.jpg")
    [line] = [json.loads(line) for line in log.getvalue().splitlines()]
    assert (line["message"], line["route"], line["http_status"]) == (
        "answered",
        "GET /images/{key+}",
        404,
    )
    assert "secret" not in log.getvalue()
