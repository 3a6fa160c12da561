"""`make status` shows everything about one upload, and `make logs` the function's log."""

import io
import json
import time
from argparse import ArgumentTypeError
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from pipeline import telemetry
from pipeline.attempt import attempt
from pipeline.aws.failures import FailureQueue
from pipeline.aws.table import Table
from pipeline.model import Cause, Request, Status
from pipeline.processed.reconcile import reconcile

from tests.aws.test_reconcile import PNG, TEXT, Bench
from tests.factories import environment, record, variants
from tests.scripted_aws import ScriptedAws
from tools.operations import logs, queue
from tools.operations.status import find, tell
from tools.operations.upload import LogLine, Pipeline, Upload, log_lines

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

GROUP = "/aws/lambda/processor"
NASTY = 'a b+c%é"*.png'


class Deployment:
    """Both buckets, the queue, the table and the log, and the function's processing."""

    def __init__(self, s3: "S3Client", sqs: "SQSClient", url: str, log: io.StringIO) -> None:
        self.bench = Bench(s3, METADATA='{"table": "records"}', FAILURE_QUEUE_URL=url)
        self.queue = FailureQueue(sqs, url)
        self.logs: CloudWatchLogsClient = boto3.client("logs")
        self.logs.create_log_group(logGroupName=GROUP)
        self.logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
        self._log = log
        self.pipeline = Pipeline(
            source_bucket="source",
            processed_bucket="processed",
            queue_url=url,
            log_group=GROUP,
            settings=self.bench.pipeline.settings,
            aws=boto3.Session(),
            storage=self.bench.storage,
        )

    def set(self, **changes: str) -> None:
        """Change the settings."""
        self.bench.set(**changes)
        self.pipeline = replace(
            self.pipeline, settings=self.bench.pipeline.settings, storage=self.bench.storage
        )

    def process(self, key: str, body: bytes, **fields: Any) -> None:
        """Upload *body*, and process it as the function does on AWS."""
        self.bench.put(key, body, **fields)
        request = Request(bucket="source", key=key, cause=Cause.UPLOAD)
        result = attempt(request, reconcile, self.bench.pipeline, deadline=float("inf"))
        telemetry.log_result(result)
        if result.outcome.status is Status.REJECTED:
            event = {"Records": [record(key)]}
            self.queue.report(result.outcome, request=request, event=event, request_id="1")
        self.write(*self._log.getvalue().splitlines())
        self._log.truncate(0)
        self._log.seek(0)

    def write(self, *lines: str) -> None:
        at = int(time.time() * 1000)
        self.logs.put_log_events(
            logGroupName=GROUP,
            logStreamName="one",
            logEvents=[{"timestamp": at, "message": line} for line in lines],
        )

    def told(self, key: str) -> str:
        upload = Upload(self.pipeline, key)
        return "\n".join(tell(upload, find(upload)))


@pytest.fixture
def deployment(
    s3: "S3Client",
    sqs: "SQSClient",
    failure_queue_url: str,
    dynamodb: "DynamoDBClient",
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> Deployment:
    monkeypatch.setattr(queue, "_WAIT_SECONDS", 0)  # moto has no servers to wait for
    return Deployment(s3, sqs, failure_queue_url, log)


@pytest.mark.parametrize("key", ["a.png", NASTY])
def test_an_upload_that_is_processed(deployment: Deployment, key: str) -> None:
    deployment.process(key, PNG)

    told = deployment.told(key)

    assert told.startswith(f"{key} is processed: 2 of 2 images are current.\n")
    assert f"source    s3://source/{key}: {len(PNG)} bytes, ETag " in told
    assert f"image     same: same/{key} (" in told
    assert "bytes, current)\n" in told
    assert "published" in told
    assert "record    none" in told
    assert "failure   none" in told


def test_an_upload_that_is_rejected(deployment: Deployment) -> None:
    deployment.process("a.png", TEXT)
    deployment.process("b.png", TEXT)

    told = deployment.told("a.png")

    assert told.startswith("a.png failed: unsupported-format. `make redrive` retries it.\n")
    assert "image     same: none\n" in told
    assert told.count("rejected") == 1
    assert "b.png" not in told


def test_the_record_is_shown(deployment: Deployment, dynamodb: "DynamoDBClient") -> None:
    bench = deployment.bench
    bench.pipeline = replace(bench.pipeline, table=Table(dynamodb, "records"))

    deployment.process("a.png", TEXT)

    assert "record    rejected (unsupported-format: " in deployment.told("a.png")


def test_images_of_earlier_content_do_not_count_as_current(
    deployment: Deployment,
) -> None:
    deployment.process("a.png", PNG)
    deployment.bench.put("a.png", TEXT)

    told = deployment.told("a.png")

    assert told.startswith("a.png is not processed; its last log line is published.")
    assert told.count("of an earlier content") == 2


def test_only_images_that_the_upload_gets_are_expected(deployment: Deployment) -> None:
    deployment.set(
        VARIANTS=variants(
            page={"widths": [30, 60, 2000, 3000], "formats": ["webp", "jpeg"]},
            avatar={"width": 9, "prefixes": ["avatars/"]},
        ),
        KEY_TEMPLATE="{variant}/{width}/{directory}{stem}{extension}",
    )
    deployment.process("a.png", PNG)

    assert deployment.told("a.png").startswith("a.png is processed: 6 of 6 images are current.")

    deployment.bench.s3.delete_object(Bucket="processed", Key="page/30/a.webp")
    assert deployment.told("a.png").startswith("a.png is not processed")


def test_images_under_keys_with_versions_are_found_by_the_manifest(deployment: Deployment) -> None:
    deployment.set(MANIFEST="{}", KEY_TEMPLATE="{variant}/{stem}.{version}{extension}")
    deployment.process("a.png", PNG)

    assert deployment.told("a.png").startswith("a.png is processed: 2 of 2 images are current.")


def test_an_upload_without_images_is_not_sent_to_a_backfill(deployment: Deployment) -> None:
    deployment.set(VARIANTS=variants(avatar={"width": 9, "prefixes": ["avatars/"]}))
    deployment.process("a.png", PNG)

    assert deployment.told("a.png").startswith("a.png gets no image: ")


def test_an_upload_that_chooses_images_gets_no_others(deployment: Deployment) -> None:
    deployment.set(UPLOAD_OPTIONS="true")
    deployment.process("a.png", PNG, Metadata={"variants": "web"})

    assert deployment.told("a.png").startswith("a.png is processed: 1 of 1 images are current.")


def test_images_of_other_sources_do_not_count(deployment: Deployment) -> None:
    deployment.bench.put("a.png", PNG)
    deployment.bench.s3.put_object(Bucket="processed", Key="same/a.png", Body=b"x")

    told = deployment.told("a.png")

    assert "`make backfill` processes it" in told
    assert "same/a.png (1 bytes, of another source, or of another program)" in told


def test_a_missing_upload(deployment: Deployment) -> None:
    assert deployment.told("no.png").startswith("no.png is not in the source bucket.\n")


def test_an_unreadable_part_does_not_hide_the_others(deployment: Deployment) -> None:
    deployment.process("a.png", PNG)
    deployment.logs.delete_log_group(logGroupName=GROUP)
    deployment.pipeline.aws.client("sqs").delete_queue(QueueUrl=deployment.pipeline.queue_url)

    told = deployment.told("a.png")

    assert told.startswith("a.png is processed")
    assert "log       cannot be read: " in told
    assert "failure   cannot be read: " in told


def test_status_leaves_a_failure_on_the_queue(deployment: Deployment, sqs: "SQSClient") -> None:
    deployment.process("a.png", TEXT)
    deployment.told("a.png")

    response = sqs.receive_message(QueueUrl=deployment.pipeline.queue_url)

    assert len(response["Messages"]) == 1


def test_the_log_is_filtered_for_one_key(deployment: Deployment) -> None:
    client = boto3.client("logs")
    since = datetime.fromtimestamp(1, UTC)
    with Stubber(client) as stub:
        expected = {"logGroupName": GROUP, "startTime": 1000, "filterPattern": "{ pattern }"}
        stub.add_response("filter_log_events", {"events": []}, expected)
        assert not list(log_lines(client, GROUP, since, pattern="{ pattern }"))


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("a.png", '{ $.source.key = "a.png" }'),
        (NASTY, "{ $.source.key = * }"),
        ("x" * 1024, "{ $.source.key = * }"),  # longer than a pattern may be
    ],
)
def test_the_log_is_asked_for_the_key_if_possible(
    deployment: Deployment, key: str, pattern: str
) -> None:
    aws = ScriptedAws(FilterLogEvents={"events": []})
    upload = Upload(replace(deployment.pipeline, aws=aws.session()), key)

    assert upload.lines(datetime.now(UTC)) == []

    assert [asked["filterPattern"] for asked in aws.asked("FilterLogEvents")] == [pattern]


def test_the_log_shows_uploads_and_errors(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.process("a.png", PNG)
    deployment.write(
        '{"type": "platform.start", "record": {}}',
        '{"level": "ERROR", "message": "boom", "errorMessage": "memory \\u001b[2J"}',
        '{"_aws": {}, "Published": 1}',
    )

    def read(since: datetime) -> list[LogLine]:
        return list(log_lines(deployment.logs, GROUP, since))

    capsys.readouterr()
    logs.tail(read, datetime.now(UTC) - timedelta(hours=1), forever=False)

    published, boom = capsys.readouterr().out.splitlines()
    assert "published" in published
    assert published.endswith("a.png  → same/a.png  → web/a.webp")
    assert boom.endswith("boom                    memory \\x1b[2J")


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"status": "timeout"}, "timeout    60,000 ms  the function was stopped, request 5-2"),
        (
            {"status": "error", "errorType": "Runtime.OutOfMemory"},
            "error      60,000 ms  Runtime.OutOfMemory, request 5-2",
        ),
        # The function has logged this itself.
        ({"status": "error", "errorType": "TransientFailure"}, None),
        ({"status": "success"}, None),
    ],
)
def test_an_invocation_that_could_not_log_its_end_is_shown(
    record: dict[str, Any], told: str | None
) -> None:
    report = {**record, "requestId": "5-2", "metrics": {"durationMs": 60000.0}}
    line = LogLine(at=datetime.now(UTC), fields={"type": "platform.report", "record": report})

    text = logs.shown(line)

    assert text == told if told is None else str(text).endswith(f"  {told}")


def test_a_time_span_is_read() -> None:
    assert logs.ago("90m") == timedelta(minutes=90)
    for text in ("90", "2w", "-1h", "99999999d"):
        with pytest.raises(ArgumentTypeError, match=f"'{text}' is not a time span"):
            logs.ago(text)
    with pytest.raises(ArgumentTypeError, match="'999999d' is more than 3653 days"):
        logs.ago("999999d")


def test_the_settings_are_those_of_the_function(deployment: Deployment) -> None:
    variables = environment(PROCESSED_BUCKET="results", UPLOAD_OPTIONS="true")
    del variables["LAMBDA_TASK_ROOT"], variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
    function = {"Environment": {"Variables": variables}, "MemorySize": 512}
    outputs = {
        "function_name": "shop",
        "source_bucket": "source",
        "processed_bucket": "processed",
        "failure_queue_url": "url",
        "log_group": GROUP,
    }

    head = {
        "ETag": '"1"',
        "ContentLength": 1,
        "LastModified": datetime.now(UTC),
        "Metadata": {"watermark": "off"},
    }
    aws = ScriptedAws(GetFunctionConfiguration=function, HeadObject=head)

    pipeline = Pipeline.of(outputs, aws.session())
    source = Upload(pipeline, "a.png").source().source

    assert pipeline.settings.processed_bucket == "results"
    assert pipeline.settings.limits.memory_bytes == 512 << 20
    assert source
    assert not source.options.watermark
    assert json.loads(variables["VARIANTS"]).keys() == {"default"}
