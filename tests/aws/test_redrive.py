"""What is on the failure queue can be read, and leaves it only for the function."""

import json
from collections.abc import Mapping
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


def received(sqs: "SQSClient", url: str, body: Any, **attributes: str) -> redrive.Failure:
    """Return what is read of a message that has just been sent."""
    sqs.purge_queue(QueueUrl=url)
    sqs.send_message(
        QueueUrl=url,
        MessageBody=json.dumps(body),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )
    [message] = redrive.receive(sqs, url)
    return redrive.read(message)


def test_both_framed_kinds_are_read_and_no_stray(sqs: "SQSClient", filled: str) -> None:
    *failures, stray = redrive.receive(sqs, filled)
    rejected, exhausted = map(redrive.read, failures)
    assert (rejected.reason, rejected.detail) == ("corrupt-image", "it ends too soon")
    assert (exhausted.reason, exhausted.detail) == ("RetriesExhausted", "cannot read the source")
    assert rejected.keys == exhausted.keys == ("s3://source/a b.jpg",)
    assert rejected.event == exhausted.event == EVENT
    assert rejected.time.startswith("20")
    with pytest.raises(ValueError, match="is no failure of this pipeline"):
        redrive.read(stray)


def test_a_failure_of_the_workflow_is_told_in_the_words_of_the_function(
    sqs: "SQSClient", failure_queue_url: str
) -> None:
    failure = received(sqs, failure_queue_url, WORKFLOW_EXHAUSTED)
    assert (failure.reason, failure.detail) == ("RetriesExhausted", "out of time")
    assert failure.keys == ("s3://source/a b+%.jpg",)
    assert failure.event == S3_EVENT


@pytest.mark.parametrize("text", ["Task timed out after 60 seconds", "[1]", "7"])
def test_an_error_in_other_words_is_told_as_it_is(
    sqs: "SQSClient", failure_queue_url: str, text: str
) -> None:
    response = {"errorType": "States.Timeout", "errorMessage": text}
    body = {**WORKFLOW_EXHAUSTED, "responsePayload": response}
    assert received(sqs, failure_queue_url, body).detail == text


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        (
            {"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "not authorized"},
            ("NO_PERMISSIONS", "not authorized"),
        ),
        ({}, ("Undelivered", "")),
    ],
)
def test_a_dead_letter_of_eventbridge_is_an_event_as_it_was(
    sqs: "SQSClient", failure_queue_url: str, attributes: dict[str, str], told: tuple[str, str]
) -> None:
    failure = received(sqs, failure_queue_url, S3_EVENT, **attributes)
    assert (failure.reason, failure.detail) == told
    assert failure.keys == ("s3://source/a b+%.jpg",)
    assert failure.event == S3_EVENT


def test_the_workflow_has_one_execution_for_each_upload() -> None:
    machines = boto3.client("stepfunctions")
    first, second = record("a.jpg"), record("b.jpg")
    with Stubber(machines) as stub:
        for part in ({"Records": [first]}, {"Records": [second]}, S3_EVENT):
            stub.add_response(
                "start_execution",
                {"executionArn": "arn:execution", "startDate": 0},
                {"stateMachineArn": "arn:machine", "input": json.dumps(part)},
            )
        try_again = redrive.by_workflow("arn:machine", machines)
        try_again({"Records": [first, second]})
        try_again(S3_EVENT)
        stub.assert_no_pending_responses()


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
        try_again = redrive.by_function("processor", functions)
        return list(redrive.send([failure], try_again, queue_url=filled, sqs=sqs))

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


def test_a_message_stays_if_the_workflow_does_not_start(sqs: "SQSClient", filled: str) -> None:
    def refuse(_: Mapping[str, Any]) -> None:
        raise ConnectionError

    message, *others = redrive.receive(sqs, filled)
    with pytest.raises(ConnectionError):
        list(redrive.send([redrive.read(message)], refuse, queue_url=filled, sqs=sqs))
    redrive.release(sqs, filled, [message, *others])
    assert len(waiting(sqs, filled)) == 3
