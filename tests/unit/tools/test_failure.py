"""Messages on the failure queue are read the same way, whichever service wrote them."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories import record
from tools.operations.failure import Failure, Unreadable, read

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

EVENT = {"Records": [record("a b.jpg")]}

REJECTED = {
    "requestContext": {"requestId": "1", "condition": "Rejected"},
    "requestPayload": EVENT,
    "rejection": {"reason": "corrupt-image", "message": "it ends too soon", "details": {}},
}

# As AWS Lambda documents it under "Capturing records of asynchronous invocations".
EXHAUSTED = {
    "version": "1.0",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "requestContext": {
        "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
        "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:processor:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    },
    "requestPayload": EVENT,
    "responseContext": {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    },
    "responsePayload": {"errorMessage": "cannot read the source", "errorType": "TransientFailure"},
}

# As Amazon S3 documents it under "EventBridge event message structure", with a raw key.
S3_EVENT = {
    "version": "0",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "detail": {"bucket": {"name": "source"}, "object": {"key": "a b+%.jpg", "etag": "e"}},
}

# As the workflow writes it, with what Step Functions tells of a function's error.
WORKFLOW_EXHAUSTED = {
    "version": "1.0",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "requestContext": {"requestId": "arn:of:the:execution", "condition": "RetriesExhausted"},
    "requestPayload": S3_EVENT,
    "responsePayload": {
        "errorType": "TransientFailure",
        "errorMessage": json.dumps({"errorMessage": "out of time", "errorType": "…"}),
    },
}


def message(body: str, **attributes: str) -> "MessageTypeDef":
    return {
        "MessageId": "one",
        "Body": body,
        "Attributes": {"SentTimestamp": "1767323045678"},
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }


def failure(body: object, **attributes: str) -> Failure:
    return read(message(json.dumps(body), **attributes))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (REJECTED, ("corrupt-image", "it ends too soon")),
        (EXHAUSTED, ("RetriesExhausted", "cannot read the source")),
    ],
)
def test_failures_and_rejections_are_read(body: object, told: tuple[str, str]) -> None:
    read = failure(body)
    assert (read.reason, read.detail) == told
    assert read.objects == (("source", "a b.jpg"),)
    assert read.event == EVENT
    assert read.time == "2026-01-02T03:04:05+00:00"


def test_a_failure_of_the_workflow_shows_the_functions_message() -> None:
    read = failure(WORKFLOW_EXHAUSTED)
    assert (read.reason, read.detail) == ("RetriesExhausted", "out of time")
    assert read.objects == (("source", "a b+%.jpg"),)
    assert read.event == S3_EVENT


@pytest.mark.parametrize("text", ["Task timed out after 60 seconds", "[1]", "7"])
def test_any_other_error_is_shown_unchanged(text: str) -> None:
    response = {"errorType": "States.Timeout", "errorMessage": text}
    assert failure({**WORKFLOW_EXHAUSTED, "responsePayload": response}).detail == text


@pytest.mark.parametrize(
    ("more", "detail"), [({"ERROR_MESSAGE": "not authorized"}, "not authorized"), ({}, "")]
)
def test_a_dead_letter_of_eventbridge_is_the_original_event(
    more: dict[str, str], detail: str
) -> None:
    read = failure(S3_EVENT, ERROR_CODE="NO_PERMISSIONS", **more)
    assert (read.reason, read.detail) == ("NO_PERMISSIONS", detail)
    assert read.objects == (("source", "a b+%.jpg"),)
    assert read.event == S3_EVENT


@pytest.mark.parametrize("broken", [None, 7, {}, {"s3": {"object": {"key": None}}}])
def test_a_rejection_of_a_malformed_record_can_be_read(broken: Any) -> None:
    event = {"Records": [broken, record("a.jpg")]}
    read = failure({**REJECTED, "requestPayload": event})
    assert read.uploads == "a record without an upload, s3://source/a.jpg"
    assert read.buckets == {"source"}


@pytest.mark.parametrize(
    "body",
    [
        "stray",
        "7",
        "null",
        "[" * 100_000,
        "9" * 10_000,
        json.dumps(["detail"]),
        json.dumps("detail"),
        json.dumps({"detail": None}),
        json.dumps(S3_EVENT),  # without EventBridge's message attributes
        json.dumps({**REJECTED, "rejection": {"reason": None, "message": ""}}),
        json.dumps({**REJECTED, "rejection": {"reason": "corrupt-image", "message": ["x"]}}),
        json.dumps({**REJECTED, "rejection": "corrupt-image"}),
        json.dumps({**REJECTED, "requestPayload": None}),
        json.dumps({**REJECTED, "requestPayload": {"Records": 7}}),
        json.dumps({**EXHAUSTED, "requestContext": {"condition": ["RetriesExhausted"]}}),
        json.dumps({**EXHAUSTED, "requestContext": None}),
    ],
    ids=lambda body: body[:30],
)
def test_any_other_message_is_reported_by_its_id(body: str) -> None:
    with pytest.raises(Unreadable, match=r"^one is not a failure of this pipeline$"):
        read(message(body))


STEP = {"step": "reject", "event": EVENT, "source": None, "rejection": {}}
HTTP = {"version": "2.0", "routeKey": "GET /images", "requestContext": {"http": {}}}


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(STEP, id="step"),
        pytest.param(HTTP, id="HTTP request"),
        pytest.param({"step": "recipe"}, id="recipe"),
        pytest.param(
            {"step": "backfill", "bucket": "source", "items": [], "reviewed_only": False},
            id="backfill",
        ),
        pytest.param({**EVENT, **STEP}, id="step beside a notification"),
        pytest.param({**EVENT, **HTTP}, id="HTTP request beside a notification"),
        pytest.param({**EVENT, **S3_EVENT}, id="both shapes at once"),
        pytest.param({**EVENT, "deadline": 1}, id="deadline beside a notification"),
        pytest.param({**S3_EVENT, **STEP}, id="step beside an event"),
        pytest.param({**S3_EVENT, **HTTP}, id="HTTP request beside an event"),
        pytest.param({**S3_EVENT, "source": "aws.ec2"}, id="event of EC2"),
        pytest.param({**S3_EVENT, "source": ["aws.s3"]}, id="source in a list"),
        pytest.param(
            {"Records": [{**record("a.jpg"), "detail": S3_EVENT["detail"]}]},
            id="event under the key of a record",
        ),
        pytest.param({"Event": "s3:TestEvent"}, id="test event"),
        pytest.param({}, id="nothing"),
    ],
)
@pytest.mark.parametrize("frame", [REJECTED, EXHAUSTED, WORKFLOW_EXHAUSTED])
def test_an_event_that_asks_for_more_than_an_upload_is_not_forwarded(
    frame: dict[str, Any], payload: dict[str, Any]
) -> None:
    with pytest.raises(Unreadable, match=r"^one asks for something other than an upload"):
        failure({**frame, "requestPayload": payload})


@pytest.mark.parametrize(
    "more",
    [STEP, HTTP, {"Records": []}, {"requestPayload": S3_EVENT}],
    ids=["step", "HTTP request", "records", "frame"],
)
def test_a_dead_letter_that_asks_for_more_than_an_upload_is_not_forwarded(
    more: dict[str, Any],
) -> None:
    with pytest.raises(Unreadable):
        failure({**S3_EVENT, **more}, ERROR_CODE="NO_PERMISSIONS")


def test_members_of_a_hostile_payload_cannot_control_the_terminal() -> None:
    with pytest.raises(Unreadable) as refused:
        failure({**REJECTED, "requestPayload": {"\x1b[2J": 1, "\u202e": 2}})
    assert str(refused.value).endswith(r"with the members \x1b[2J, \u202e")


def test_a_replay_of_an_archive_is_an_event_of_s3() -> None:
    replay = {**S3_EVENT, "replay-name": "yesterday"}
    assert failure({**REJECTED, "requestPayload": replay}).event == replay


HOSTILE = "\x1b[2J\n\r\x9b\u202e\u2028\x00"
SHOWN = r"\x1b[2J\n\r\x9b\u202e\u2028\x00"


def test_untrusted_text_cannot_control_the_terminal() -> None:
    rejection = {"reason": f"r{HOSTILE}", "message": f"m{HOSTILE}"}
    event = {"Records": [record(f"k{HOSTILE}é.jpg")]}
    shown = failure({**REJECTED, "requestPayload": event, "rejection": rejection})
    assert shown.uploads == f"s3://source/k{SHOWN}é.jpg"
    first, second = str(shown).split("\n")
    assert first.endswith(f"  r{SHOWN}  s3://source/k{SHOWN}é.jpg")
    assert second.strip() == f"m{SHOWN}"
