"""A public upload API: from form to link, and what is refused."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.e2e.conftest import eventually
from tests.e2e.upload_api import FUNCTION, UploadApi, policies, without
from tests.factories import picture
from tools import subprocesses

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PHOTO = picture(300, 200)


@contextmanager
def form_seconds(seconds: int) -> Iterator[None]:
    """Make the function's forms expire after *seconds*."""
    functions = boto3.client("lambda")
    configured = functions.get_function_configuration(FunctionName=FUNCTION)
    usual = configured["Environment"]["Variables"]
    changed = json.dumps({**json.loads(usual["UPLOAD_API"]), "form_seconds": seconds})
    for variables in ({**usual, "UPLOAD_API": changed}, usual):
        functions.update_function_configuration(
            FunctionName=FUNCTION, Environment={"Variables": variables}
        )
        functions.get_waiter("function_updated_v2").wait(FunctionName=FUNCTION)
        if variables is not usual:
            yield


@pytest.fixture(scope="module", autouse=True)
def public(upload_api: UploadApi) -> None:
    upload_api.ask_for(public=True)


def test_from_form_to_link_with_curl(upload_api: UploadApi, tmp_path: Path) -> None:
    form = upload_api.form(PHOTO)
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(PHOTO)
    fields = form["upload"]["fields"].items()
    subprocesses.run(
        *("curl", "--fail-with-body", "--silent", "--show-error"),
        *("--cacert", str(upload_api.pipeline.cloud.home / "authority.pem")),
        *(part for name, value in fields for part in ("--form-string", f"{name}={value}")),
        *("--form", f"file=@{photo}", form["upload"]["url"]),
        environment=upload_api.pipeline.cloud.environment,
    )
    state = upload_api.outcome(form)
    assert (state["status"], state["width"], state["height"]) == ("ready", 300, 200)
    small, _ = state["variants"]
    link = upload_api.get(small["url"])
    assert (link.status, len(link.body)) == (200, small["bytes"])
    assert link.headers["content-type"] == "image/jpeg"


def test_images_that_were_not_uploaded_by_the_api_are_hidden(
    upload_api: UploadApi, tmp_path: Path
) -> None:
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(PHOTO)
    upload_api.pipeline.upload(photo, "elsewhere/private.jpg")
    upload_api.pipeline.published("web/elsewhere/private.webp")
    assert upload_api.call("GET", "images/elsewhere/private.jpg").status == 404
    assert "elsewhere" not in upload_api.call("GET", "images?limit=100").body.decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "uploads/-/2026-01-01/mine/cat.jpg"},
        {"key": "cat.jpg"},
        {"Content-Type": "text/html"},
        {"policy": b64encode(b'{"expiration": "2100-01-01T00:00:00Z", "conditions": []}').decode()},
        {"acl": "public-read"},
    ],
    ids=["another key", "outside", "another type", "another policy", "another field"],
)
def test_a_form_cannot_be_changed(upload_api: UploadApi, changes: dict[str, str]) -> None:
    form = upload_api.form(PHOTO)
    response = upload_api.post(form["upload"], PHOTO, **changes)
    assert response.status == 403, response.body
    assert upload_api.call("GET", form["status_url"]).status == 404


@pytest.mark.parametrize(
    ("content", "code"), [(PHOTO + b"0", b"EntityTooLarge"), (PHOTO[:-1], b"EntityTooSmall")]
)
def test_a_form_accepts_exactly_the_declared_size(
    upload_api: UploadApi, content: bytes, code: bytes
) -> None:
    form = upload_api.form(PHOTO)
    response = upload_api.post(form["upload"], content)
    assert (response.status, code in response.body) == (400, True)
    assert upload_api.call("GET", form["status_url"]).status == 404


def test_a_form_expires(upload_api: UploadApi) -> None:
    with form_seconds(1):
        form = upload_api.form(PHOTO)
    time.sleep(1.5)
    response = upload_api.post(form["upload"], PHOTO)
    assert (response.status, b"expired" in response.body) == (403, True), response.body


def test_events_hold_what_the_records_say(upload_api: UploadApi) -> None:
    sqs = upload_api.pipeline.sqs
    queue = completions(sqs)
    form = upload_api.form(PHOTO)
    upload_api.post(form["upload"], PHOTO)
    [message] = eventually(
        lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), what="a completion event"
    )
    event = json.loads(message["Body"])
    assert event["detail"]["source_key"] == form["key"]
    assert event["detail"]["images"][0]["variant"] == "small"
    # The event comes after the record.
    assert upload_api.call("GET", form["status_url"]).json["status"] == "ready"


def completions(sqs: "SQSClient") -> str:
    """Return the URL of a queue that receives completion events."""
    arn = "arn:aws:sqs:eu-central-2:000000000000:completions"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    queue = sqs.create_queue(QueueName="completions", Attributes={"Policy": policy})["QueueUrl"]
    events = boto3.client("events")
    pattern = {"source": ["image-pipeline"], "detail-type": ["Image Processed"]}
    events.put_rule(Name="completions", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="completions", Targets=[{"Id": "queue", "Arn": arn}])
    return queue


def test_responses_match_the_description_for_any_request(
    upload_api: UploadApi, tmp_path: Path
) -> None:
    subprocesses.run(
        *("schemathesis", "run", f"{upload_api.address}openapi.json"),
        *("--url", upload_api.address, "--max-examples", "25", "--seed", "1", "--no-color"),
        *("--tls-verify", str(upload_api.pipeline.cloud.home / "authority.pem")),
        # API Gateway itself responds to other methods; no schema can describe a valid `next`.
        *("--exclude-checks", "unsupported_method,positive_data_acceptance"),
        environment=upload_api.pipeline.cloud.environment,
        folder=tmp_path,
    )


def test_the_role_may_write_uploads_and_nothing_else_of_the_source(upload_api: UploadApi) -> None:
    actions = policies(upload_api.pipeline)
    assert actions["accept-uploads"] == ["s3:PutObject"]
    writing = {name for name, allowed in actions.items() if "s3:PutObject" in allowed}
    assert writing == {"accept-uploads", "write-processed"}


@pytest.mark.parametrize(
    ("policy", "method", "path"),
    [("write-records", "GET", "images/uploads/-/a.jpg"), ("list-records", "GET", "images")],
)
def test_no_permission_is_superfluous(
    upload_api: UploadApi, policy: str, method: str, path: str
) -> None:
    with without(upload_api.pipeline, policy):
        assert upload_api.call(method, path).status == 503
    assert upload_api.call(method, path).status in (200, 404)


def test_a_form_is_useless_without_the_permission_to_put(upload_api: UploadApi) -> None:
    form = upload_api.form(PHOTO)
    with without(upload_api.pipeline, "accept-uploads"):
        assert upload_api.post(form["upload"], PHOTO).status == 403
    assert upload_api.post(form["upload"], PHOTO).status == 204


def test_a_plan_after_the_apply_is_empty(upload_api: UploadApi) -> None:
    assert not upload_api.pipeline.terraform.has_changes()
