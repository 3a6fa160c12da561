"""What is on the failure queue can be read, and leaves it only for the function."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import redrive
from botocore.stub import Stubber
from pipeline.errors import CorruptImage
from pipeline.model import Source
from pipeline.queue import FailureQueue

from tests.factories import record

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

EVENT = {"Records": [record("a b.jpg")]}

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


@pytest.fixture
def filled(sqs: "SQSClient", failure_queue_url: str) -> str:
    """Return the address of a queue with a message of each kind, and a stray one."""
    FailureQueue(sqs, failure_queue_url).report(
        CorruptImage("it ends too soon", found={"format": "jpeg"}),
        request=Source(bucket="source", key="a b.jpg", etag="e", size=1),
        event=EVENT,
        request_id="1",
    )
    for body in (json.dumps(EXHAUSTED), "stray"):
        sqs.send_message(QueueUrl=failure_queue_url, MessageBody=body)
    return failure_queue_url


def waiting(sqs: "SQSClient", url: str) -> list[str]:
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in messages.get("Messages", [])]


def test_both_kinds_are_read_and_no_other(sqs: "SQSClient", filled: str) -> None:
    *failures, stray = redrive.receive(sqs, filled)
    rejected, exhausted = map(redrive.read, failures)
    assert (rejected.reason, rejected.detail) == ("corrupt-image", "it ends too soon")
    assert (exhausted.reason, exhausted.detail) == ("RetriesExhausted", "cannot read the source")
    assert rejected.keys == exhausted.keys == ("s3://source/a b.jpg",)
    assert rejected.event == exhausted.event == EVENT
    assert rejected.time.startswith("20")
    with pytest.raises(ValueError, match="is no failure of this pipeline"):
        redrive.read(stray)


def test_what_is_released_can_be_received_again(sqs: "SQSClient", filled: str) -> None:
    held = list(redrive.receive(sqs, filled))
    assert waiting(sqs, filled) == []
    redrive.release(sqs, filled, held)
    assert len(waiting(sqs, filled)) == 3


@pytest.mark.parametrize(("status", "left"), [(202, 0), (500, 1)])
def test_a_message_is_deleted_only_after_lambda_accepted_it(
    sqs: "SQSClient", filled: str, status: int, left: int
) -> None:
    functions = boto3.client("lambda")
    message, *others = redrive.receive(sqs, filled)
    failure = redrive.read(message)
    expected = {
        "FunctionName": "processor",
        "InvocationType": "Event",
        "Payload": json.dumps(EVENT),
    }

    def send() -> list[Any]:
        return list(
            redrive.send(
                [failure], function="processor", queue_url=filled, functions=functions, sqs=sqs
            )
        )

    with Stubber(functions) as stub:
        stub.add_response("invoke", {"StatusCode": status}, expected)
        if left:
            with pytest.raises(SystemExit, match="did not accept"):
                send()
        else:
            assert send() == [failure]
    if left:
        redrive.release(sqs, filled, [message])
    assert len(waiting(sqs, filled)) == left
    redrive.release(sqs, filled, others)
