"""A redrive shows the failure queue, and deletes a message only after sending its event."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from pipeline.aws.failures import FailureQueue
from pipeline.errors import CorruptImage
from pipeline.model import Cause, Outcome, Request, Source, Status

from tests.factories import eventbridge_event, record
from tools.operations import redrive
from tools.operations.failure import Failure, Unreadable, read
from tools.operations.queue import HeldMessages

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SOURCE = Source(bucket="source", key="a b.jpg", etag="e", size=1, version="v")
REQUEST = Request(bucket="source", key="a b.jpg", cause=Cause.UPLOAD)
EVENT = {"Records": [record("a b.jpg")]}
S3_EVENT = eventbridge_event(REQUEST)


@pytest.fixture
def filled(sqs: "SQSClient", failure_queue_url: str) -> str:
    """Return the URL of a queue with a rejection, a dead letter and a foreign message."""
    FailureQueue(sqs, failure_queue_url).report(
        Outcome(
            status=Status.REJECTED,
            source=SOURCE,
            rejection=CorruptImage("it ends too soon", details={"format": "jpeg"}),
        ),
        request=REQUEST,
        event=EVENT,
        request_id="1",
    )
    sqs.send_message(
        QueueUrl=failure_queue_url,
        MessageBody=json.dumps(S3_EVENT),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value}
            for name, value in {"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "no"}.items()
        },
    )
    sqs.send_message(QueueUrl=failure_queue_url, MessageBody="stray")
    return failure_queue_url


@pytest.fixture
def held(sqs: "SQSClient", filled: str) -> Iterator[HeldMessages]:
    """Hold the messages of that queue."""
    with HeldMessages(sqs, filled) as held:
        held.receive()
        yield held


def failures(held: HeldMessages) -> list[Failure]:
    rejected, undelivered, _ = held.messages.values()
    return [read(rejected), read(undelivered)]


def waiting(sqs: "SQSClient", url: str) -> list[str]:
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in messages.get("Messages", [])]


def accept(_: Mapping[str, Any]) -> None:
    """Accept every event."""


def refuse_notifications(event: Mapping[str, Any]) -> None:
    """Accept only EventBridge events."""
    if "Records" in event:
        raise redrive.RedriveError("too many \x1b[2J")


def target(source_bucket: str | None = "source") -> redrive.Target:
    return redrive.Target(
        queue_url="queue", source_bucket=source_bucket, workflow=None, function="processor"
    )


def options(**changes: Any) -> Namespace:
    return Namespace(**{"reason": None, "dry_run": False, "yes": True} | changes)


def test_reports_of_the_pipeline_are_read_and_foreign_messages_are_not(held: HeldMessages) -> None:
    rejected, undelivered = failures(held)
    assert (rejected.reason, rejected.detail) == ("corrupt-image", "it ends too soon")
    assert (undelivered.reason, undelivered.detail) == ("NO_PERMISSIONS", "no")
    assert rejected.objects == undelivered.objects == (("source", "a b.jpg"),)
    assert (rejected.event, undelivered.event) == (EVENT, S3_EVENT)
    *_, stray = held.messages.values()
    with pytest.raises(Unreadable, match=stray["MessageId"]):
        read(stray)


def test_receiving_waits_so_that_all_servers_of_the_queue_are_asked(sqs: "SQSClient") -> None:
    expected = {
        **dict.fromkeys(("MaxNumberOfMessages", "VisibilityTimeout"), ANY),
        **dict.fromkeys(("AttributeNames", "MessageAttributeNames"), ANY),
        "QueueUrl": "queue",
        "WaitTimeSeconds": 1,  # with 0, SQS asks only some of them
    }
    held = HeldMessages(sqs, "queue")
    with Stubber(sqs) as stub:
        for ids in ("ab", "c", ""):
            messages = [{"MessageId": id_, "ReceiptHandle": id_} for id_ in ids]
            stub.add_response("receive_message", {"Messages": messages}, expected)
        held.receive()
        stub.assert_no_pending_responses()
    assert list(held.messages) == ["a", "b", "c"]


def test_receiving_from_an_endless_queue_stops(sqs: "SQSClient", filled: str) -> None:
    with HeldMessages(sqs, filled) as held:
        held._end -= 60
        held.receive()
    assert held.messages == {}


def test_held_messages_are_invisible_to_others_until_released(
    sqs: "SQSClient", filled: str
) -> None:
    with HeldMessages(sqs, filled) as held:
        held.receive()
        assert waiting(sqs, filled) == []
    assert len(waiting(sqs, filled)) == 3


@pytest.mark.parametrize(
    "code",
    [
        "InvalidParameterValue",
        "ReceiptHandleIsInvalid",
        "AWS.SimpleQueueService.MessageNotInflight",
    ],
)
def test_releasing_an_expired_message_is_harmless(sqs: "SQSClient", code: str) -> None:
    held = HeldMessages(sqs, "queue")
    with Stubber(sqs) as stub:
        for id_ in "ab":
            held.messages[id_] = {"ReceiptHandle": id_}
            stub.add_client_error("change_message_visibility", code)
        with held:
            pass
        stub.assert_no_pending_responses()


def test_any_other_error_when_releasing_is_raised(sqs: "SQSClient") -> None:
    held = HeldMessages(sqs, "queue")
    held.messages["a"] = {"ReceiptHandle": "a"}
    with Stubber(sqs) as stub:
        stub.add_client_error("change_message_visibility", "AccessDenied")
        with pytest.raises(ClientError, match="AccessDenied"), held:
            pass


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


@pytest.mark.parametrize(("status", "left"), [(202, 2), (500, 3)])
def test_a_message_is_deleted_only_after_lambda_accepted_it(
    sqs: "SQSClient", filled: str, status: int, left: int
) -> None:
    functions = boto3.client("lambda")
    expected = {
        "FunctionName": "processor",
        "InvocationType": "Event",
        "Payload": json.dumps(EVENT),
    }
    with HeldMessages(sqs, filled) as held, Stubber(functions) as stub:
        held.receive()
        rejected, _ = failures(held)
        stub.add_response("invoke", {"StatusCode": status}, expected)
        try_again = redrive.by_function("processor", functions)
        [(sent, error)] = redrive.send([rejected], try_again, held)
    assert sent is rejected
    assert (error is None) == (status == redrive.ACCEPTED)
    assert len(waiting(sqs, filled)) == left


def test_a_refused_event_does_not_stop_the_others(
    held: HeldMessages, capsys: pytest.CaptureFixture[str]
) -> None:
    refused, _ = failures(held)
    assert not redrive.redrive(held, target(), refuse_notifications, options())
    output = capsys.readouterr()
    assert "2 of 3 messages on the failure queue." in output.out
    assert "2 of 2: s3://source/a b.jpg\n" in output.out
    assert (
        f"1 of 2: s3://source/a b.jpg: left on the queue, {refused.id}: too many \\x1b[2J\n"
        "1 of 2 left on the queue.\n"
    ) in output.err
    assert len(held.messages) == 2


def test_a_foreign_message_is_reported_and_left_alone(
    held: HeldMessages, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, stray = held.messages
    assert redrive.redrive(held, target(), accept, options())
    assert f"unreadable, left alone: {stray}" in capsys.readouterr().err
    assert list(held.messages) == [stray]


@pytest.mark.parametrize(
    ("changes", "left"),
    [({"dry_run": True}, 3), ({"reason": "corrupt-image"}, 2)],
)
def test_only_the_selected_failures_are_sent(
    held: HeldMessages, changes: dict[str, Any], left: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert redrive.redrive(held, target(), accept, options(**changes))
    assert len(held.messages) == left


def test_a_warning_names_buckets_other_than_the_deployments(
    held: HeldMessages, capsys: pytest.CaptureFixture[str]
) -> None:
    assert redrive.redrive(held, target("source"), accept, options(dry_run=True))
    assert "bucket" not in capsys.readouterr().err
    assert redrive.redrive(held, target("mine"), accept, options(dry_run=True))
    warning = "Warning: 2 of them name the bucket source, which is not the source bucket, mine.\n"
    assert warning in capsys.readouterr().err


def test_every_bucket_is_listed_if_the_source_bucket_is_unknown(
    held: HeldMessages, capsys: pytest.CaptureFixture[str]
) -> None:
    assert redrive.redrive(held, target(None), accept, options(dry_run=True))
    assert "2 of them name the bucket source.\n" in capsys.readouterr().out


def test_a_message_that_asks_for_something_else_stays_on_the_queue(
    sqs: "SQSClient", filled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {
        "requestContext": {"condition": "RetriesExhausted"},
        "requestPayload": {"step": "reject", "event": EVENT, "source": None, "rejection": {}},
    }
    id_ = sqs.send_message(QueueUrl=filled, MessageBody=json.dumps(body))["MessageId"]
    sent: list[Mapping[str, Any]] = []
    with HeldMessages(sqs, filled) as held:
        held.receive()
        assert redrive.redrive(held, target(), sent.append, options())
        assert id_ in held.messages
    assert sent == [EVENT, S3_EVENT]
    assert f"left alone: {id_} asks for something other than an upload" in capsys.readouterr().err


def test_nothing_is_sent_after_the_messages_become_visible_again(
    held: HeldMessages, capsys: pytest.CaptureFixture[str]
) -> None:
    held._end = time.monotonic()
    with pytest.raises(redrive.RedriveError, match="left on the queue: run it again"):
        redrive.redrive(held, target(), accept, options())
    assert len(held.messages) == 3


def test_the_program_fails_if_something_could_not_be_sent(
    sqs: "SQSClient",
    filled: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--queue", filled, "--function", "none", "--yes"]
    monkeypatch.setattr(sys, "argv", ["redrive.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        redrive.main()
    assert ended.value.code == 1
    assert "2 of 2: s3://source/a b.jpg: left on the queue" in capsys.readouterr().err
    assert len(waiting(sqs, filled)) == 3


def test_an_unknown_reason_lists_the_existing_ones(held: HeldMessages) -> None:
    with pytest.raises(redrive.RedriveError, match=r"corrupt-image \(1\)"):
        redrive.redrive(held, target(), accept, options(reason="none"))
