"""The function processes an EventBridge event like a notification from S3."""

import json
from typing import TYPE_CHECKING, Any

import index
import pytest
from pipeline.errors import TransientFailure

from tests.aws.invoking import NASTY_KEY, StorageWithout, failures, processed_keys
from tests.factories import Context, picture
from tools.operations.failure import read

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.usefixtures("configured")

KEYS = [NASTY_KEY, "50%25+/é 😀.jpg", "a+b.jpg"]


def event(key: str, *, version: str = "", kind: str = "Object Created") -> dict[str, Any]:
    """Return an event as S3 documents it under "EventBridge event message structure"."""
    is_removal = kind == "Object Deleted"
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-12T00:00:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:s3:::source"],
        "detail": {
            "version": "0",
            "bucket": {"name": "source"},
            "object": {
                "key": key,
                "size": 5,
                "etag": "b1946ac92492d2347c6235b4d2611184",
                **({"version-id": version} if version else {}),
                "sequencer": "00617F08299329D189",
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "source-ip-address": "1.2.3.4",
            "reason": "DeleteObject" if is_removal else "PutObject",
            **({"deletion-type": "Permanently Deleted"} if is_removal else {}),
        },
    }


def handle(given: dict[str, Any]) -> dict[str, int]:
    response: dict[str, int] = index.handler(given, Context())
    return response


def put(s3: "S3Client", key: str, body: bytes) -> str:
    return s3.put_object(Bucket="source", Key=key, Body=body).get("VersionId", "")


@pytest.fixture(params=["Enabled", "Suspended", None], ids=["versioned", "suspended", "plain"])
def source(s3: "S3Client", request: pytest.FixtureRequest) -> None:
    """Change the versioning of the source bucket."""
    state: Any = request.param
    if state:
        s3.put_bucket_versioning(Bucket="source", VersioningConfiguration={"Status": state})
    else:
        s3.delete_bucket(Bucket="source")
        s3.create_bucket(
            Bucket="source", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("key", KEYS)
def test_keys_are_not_decoded_with_and_without_versions(s3: "S3Client", key: str) -> None:
    version = put(s3, key, picture())
    assert handle(event(key, version=version)) == {"published": 1}
    assert processed_keys(s3) == [key]
    assert handle(event(key, version=version)) == {"current": 1}


@pytest.mark.usefixtures("source")
def test_deleting_a_source_deletes_its_images(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMOVE_DELETED", "true")
    handle(event(NASTY_KEY, version=put(s3, NASTY_KEY, picture())))
    assert processed_keys(s3) == [NASTY_KEY]
    s3.delete_object(Bucket="source", Key=NASTY_KEY)
    assert handle(event(NASTY_KEY, kind="Object Deleted")) == {"removed": 1}
    assert processed_keys(s3) == []


def test_a_rejection_is_reported_with_the_event_and_can_be_redriven(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str
) -> None:
    given = event(NASTY_KEY, version=put(s3, NASTY_KEY, b"just text"))
    assert handle(given) == {"rejected": 1}

    [failure] = failures(sqs, failure_queue_url)
    assert failure["requestPayload"] == given
    assert failure["rejection"]["source"]["key"] == NASTY_KEY

    put(s3, NASTY_KEY, picture())
    assert handle(redriven(failure)) == {"published": 1}


def test_an_event_that_lambda_gave_up_can_be_redriven(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    given = event(StorageWithout.unreadable, version=put(s3, StorageWithout.unreadable, picture()))
    with monkeypatch.context() as patch:
        patch.setattr(index, "Storage", StorageWithout)
        with pytest.raises(TransientFailure, match="SlowDown") as raised:
            handle(given)
        index._storage.cache_clear()
        index._pipeline.cache_clear()

    # From "Capturing records of asynchronous invocations" in Lambda's documentation.
    failure = {
        "version": "1.0",
        "timestamp": "2026-11-12T00:03:00.000Z",
        "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": given,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": str(raised.value), "errorType": "TransientFailure"},
    }
    assert handle(redriven(failure)) == {"published": 1}


def redriven(body: dict[str, Any], **attributes: str) -> Any:
    """Return the event that `make redrive` sends again for a message."""
    failure = read(
        {
            "MessageId": "1",
            "Body": json.dumps(body),
            "Attributes": {"SentTimestamp": "1767323045678"},
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        }
    )
    return failure.event


def test_an_undelivered_event_can_be_redriven(s3: "S3Client") -> None:
    given = event(NASTY_KEY, version=put(s3, NASTY_KEY, picture()))
    again = redriven(
        given,
        ERROR_CODE="NO_PERMISSIONS",
        ERROR_MESSAGE="not authorized",
        RULE_ARN="arn:aws:events:eu-west-1:123456789012:rule/image-pipeline-uploads",
        TARGET_ARN="arn:aws:lambda:eu-west-1:123456789012:function:image-pipeline",
        EXHAUSTED_RETRY_CONDITION="MaximumRetryAttempts",
        RETRY_ATTEMPTS="185",
    )
    assert handle(again) == {"published": 1}
