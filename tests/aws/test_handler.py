"""The handler, from an S3 notification to the processed bucket, the failure queue and the log."""

import io
import json
from typing import TYPE_CHECKING, Any

import index
import pytest
from PIL import Image
from pipeline.errors import ConfigurationError, TransientFailure

from tests.aws.invoking import (
    NASTY_KEY,
    StorageWithout,
    failures,
    handle,
    lines,
    processed_keys,
    upload,
)
from tests.factories import Context, picture

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.usefixtures("configured")


def test_an_upload_is_published_resized(s3: "S3Client") -> None:
    assert handle(upload(s3, NASTY_KEY, picture(300, 200))) == {"published": 1}
    response = s3.get_object(Bucket="processed", Key=NASTY_KEY)
    assert response["ContentType"] == "image/jpeg"
    with Image.open(io.BytesIO(response["Body"].read())) as image:
        assert image.size == (100, 67)


def test_the_test_event_is_ignored(s3: "S3Client") -> None:
    assert index.handler({"Event": "s3:TestEvent"}, Context()) == {}


def test_a_duplicate_event_changes_nothing(s3: "S3Client") -> None:
    announced = upload(s3, "a.jpg", picture())
    handle(announced)
    first = s3.head_object(Bucket="processed", Key="a.jpg")
    assert handle(announced) == {"current": 1}
    again = s3.head_object(Bucket="processed", Key="a.jpg")
    assert (again["ETag"], again["LastModified"]) == (first["ETag"], first["LastModified"])


def test_an_older_event_makes_images_of_the_current_source(s3: "S3Client") -> None:
    older = upload(s3, "a.jpg", picture())
    newer = upload(s3, "a.jpg", picture(10, 10))
    assert handle(older) == {"published": 1}
    with Image.open(
        io.BytesIO(s3.get_object(Bucket="processed", Key="a.jpg")["Body"].read())
    ) as it:
        assert it.size == (10, 10)
    assert handle(newer) == {"current": 1}


def test_a_rejected_file_is_reported_once_with_source_reason_and_time(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str
) -> None:
    announced = upload(s3, NASTY_KEY, b"just text")
    assert handle(announced) == {"rejected": 1}

    [failure] = failures(sqs, failure_queue_url)
    assert failure["rejection"]["reason"] == "unsupported-format"
    assert failure["rejection"]["source"]["key"] == NASTY_KEY
    assert failure["rejection"]["source"]["bucket"] == "source"
    assert failure["requestPayload"] == {"Records": [announced]}
    assert failure["requestContext"]["condition"] == "Rejected"
    assert failure["timestamp"].startswith("20")


def test_folder_markers_are_skipped_and_empty_files_rejected(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str
) -> None:
    assert handle(upload(s3, "cats/", b""), upload(s3, "empty.jpg", b"")) == {
        "skipped": 1,
        "rejected": 1,
    }
    [failure] = failures(sqs, failure_queue_url)
    assert failure["rejection"]["reason"] == "empty-file"


def test_one_bad_record_does_not_stop_the_others(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str
) -> None:
    broken: list[Any] = [{"eventName": "ObjectCreated:Put"}, None, "x", 7]
    response = handle(
        upload(s3, "one.jpg", picture()),
        *broken,
        upload(s3, "text.jpg", b"just text"),
        upload(s3, "two.jpg", picture()),
    )
    assert response == {"published": 2, "rejected": 5}
    assert processed_keys(s3) == ["one.jpg", "two.jpg"]
    reported = {
        json.dumps(failure["requestPayload"]["Records"][0]): failure["rejection"]["reason"]
        for failure in failures(sqs, failure_queue_url)
    }
    for record in broken:
        assert reported.pop(json.dumps(record)) == "unreadable-event"
    assert list(reported.values()) == ["unsupported-format"]


def test_a_transient_failure_is_raised_after_all_other_records(
    s3: "S3Client",
    sqs: "SQSClient",
    failure_queue_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(index, "_storage", lambda: StorageWithout(s3, processed_bucket="processed"))
    records = [
        upload(s3, "unlucky.jpg", picture()),
        upload(s3, "text.jpg", b"just text"),
        upload(s3, "lucky.jpg", picture()),
    ]
    with pytest.raises(TransientFailure, match="SlowDown"):
        handle(*records)
    assert processed_keys(s3) == ["lucky.jpg"]
    assert failures(sqs, failure_queue_url) == []  # the rejection is reported by the retry

    monkeypatch.setattr(StorageWithout, "unreadable", "nothing")
    assert handle(*records) == {"published": 1, "rejected": 1, "current": 1}
    assert len(failures(sqs, failure_queue_url)) == 1


def test_several_failures_are_raised_together(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_storage", lambda: StorageWithout(s3, processed_bucket="processed"))
    announced = upload(s3, "unlucky.jpg", picture())
    with pytest.raises(TransientFailure, match="2 uploads failed"):
        handle(announced, announced)


def test_a_programming_error_is_not_a_rejection(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_storage", lambda: None)
    with pytest.raises(AttributeError, match="NoneType"):
        handle(upload(s3, "a.jpg", picture()))
    assert failures(sqs, failure_queue_url) == []


def test_a_rejection_that_cannot_be_reported_fails_the_invocation(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILURE_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/none")
    with pytest.raises(TransientFailure, match="cannot report a rejection"):
        handle(upload(s3, "text.jpg", b"just text"))


def test_an_invocation_out_of_time_fails_with_a_line_for_every_record(
    s3: "S3Client", log: io.StringIO
) -> None:
    records = [upload(s3, "one.jpg", picture()), upload(s3, "two.jpg", picture())]
    with pytest.raises(TransientFailure, match="2 uploads failed, the first: out of time"):
        index.handler({"Records": records}, Context(remaining_milliseconds=0))
    assert [line["message"] for line in lines(log.getvalue())] == ["failed", "failed"]
    assert processed_keys(s3) == []


def test_a_bad_setting_fails_the_invocation(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKGROUND", "white")
    with pytest.raises(ConfigurationError, match="BACKGROUND"):
        handle(upload(s3, "a.jpg", picture()))


def test_an_event_of_another_kind_fails_the_invocation() -> None:
    with pytest.raises(ConfigurationError, match="not an S3 notification"):
        index.handler({"detail-type": "Object Created"}, Context())


def test_one_log_line_describes_the_result_of_an_upload(s3: "S3Client", log: io.StringIO) -> None:
    handle(upload(s3, "line\nbreak.jpg", picture(300, 200)))
    [line] = lines(log.getvalue())
    assert line["message"] == "published"
    assert line["source"]["key"] == "line\nbreak.jpg"
    assert line["picture"]["size"] == {"width": 300, "height": 200}
    [published] = line["published"]
    assert published["key"] == "line\nbreak.jpg"
    assert (published["width"], published["height"]) == (100, 67)
    assert line["milliseconds"]["total"] >= line["milliseconds"]["decode"] > 0
    assert line["function_request_id"] == Context().aws_request_id


def test_a_rejection_is_logged_with_its_reason(s3: "S3Client", log: io.StringIO) -> None:
    handle(upload(s3, "text.jpg", b"just text"))
    [line] = lines(log.getvalue())
    assert (line["message"], line["reason"]) == ("rejected", "unsupported-format")


def test_metrics_count_every_outcome(s3: "S3Client", capsys: pytest.CaptureFixture[str]) -> None:
    handle(
        upload(s3, "one.jpg", picture()),
        upload(s3, "two.jpg", picture()),
        upload(s3, "text.jpg", b"just text"),
    )
    metrics = lines(capsys.readouterr().out)
    assert all(
        line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "ImagePipeline" for line in metrics
    )
    assert [line.get("Published") for line in metrics] == [[1.0], [1.0], None]
    assert [line.get("Rejected") for line in metrics] == [None, None, [1.0]]
    assert all(line["Duration"][0] > 0 for line in metrics)
