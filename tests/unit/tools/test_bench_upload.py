"""The in-memory S3 of the benchmark, and the latency of its calls."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tools.bench.s3 import ENDPOINT, Call, MemoryS3, longest_wait
from tools.bench.upload import dollars

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NASTY_KEY = "a b+c%é.png"


@pytest.fixture
def s3() -> MemoryS3:
    return MemoryS3()


@pytest.fixture
def client(s3: MemoryS3) -> Iterator["S3Client"]:
    client = boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        region_name="eu-west-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )
    # Handlers of this event may return a response, though its type does not say so.
    client.meta.events.register("before-send.s3", s3)  # type: ignore[arg-type]
    yield client
    client.close()


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


@pytest.mark.parametrize("body", [b"", b"image", b"\r\n0\r\n" * 50_000])
def test_object_is_read_as_it_was_written(client: "S3Client", body: bytes) -> None:
    written = client.put_object(
        Bucket="b", Key=NASTY_KEY, Body=body, ContentType="image/png", Metadata={"of": "x"}
    )
    found = client.get_object(Bucket="b", Key=NASTY_KEY)
    head = client.head_object(Bucket="b", Key=NASTY_KEY)

    assert found["Body"].read() == body
    assert found["ETag"] == head["ETag"] == written["ETag"]
    assert (head["ContentLength"], head["ContentType"]) == (len(body), "image/png")
    assert head["Metadata"] == {"of": "x"}


def test_write_is_refused_if_its_condition_does_not_hold(client: "S3Client") -> None:
    first = client.put_object(Bucket="b", Key="k", Body=b"1", IfNoneMatch="*")
    client.put_object(Bucket="b", Key="k", Body=b"2", IfMatch=first["ETag"])
    conditions: list[dict[str, Any]] = [{"IfNoneMatch": "*"}, {"IfMatch": first["ETag"]}]

    for condition in conditions:
        with pytest.raises(ClientError) as error:
            client.put_object(Bucket="b", Key="k", Body=b"3", **condition)
        assert code(error) == "PreconditionFailed"
    with pytest.raises(ClientError) as error:
        client.delete_object(Bucket="b", Key="k", IfMatch=first["ETag"])

    assert code(error) == "PreconditionFailed"
    assert client.get_object(Bucket="b", Key="k")["Body"].read() == b"2"


def test_missing_object_is_not_found(client: "S3Client") -> None:
    with pytest.raises(ClientError) as by_get:
        client.get_object(Bucket="b", Key="k")
    with pytest.raises(ClientError) as by_head:
        client.head_object(Bucket="b", Key="k")
    with pytest.raises(ClientError) as by_put:
        client.put_object(Bucket="b", Key="k", Body=b"", IfMatch='"0"')

    assert [code(by_get), code(by_head), code(by_put)] == ["NoSuchKey", "404", "NoSuchKey"]


def test_deleted_object_is_gone(s3: MemoryS3, client: "S3Client") -> None:
    etag = s3.upload("b", "k", b"1")

    client.delete_object(Bucket="b", Key="k", IfMatch=etag)

    assert s3.keys("b") == []
    assert [call.method for call in s3.calls] == ["DELETE"]


def test_unknown_request_is_not_mistaken_for_another(client: "S3Client") -> None:
    with pytest.raises(ClientError) as error:
        client.get_object_tagging(Bucket="b", Key="k")

    assert code(error) == "NotImplemented"


def test_calls_wait_for_those_that_ended_before_them() -> None:
    calls = [
        Call(method="GET", start=0, end=20),
        Call(method="HEAD", start=0, end=15),
        Call(method="PUT", start=21, end=61),
        Call(method="PUT", start=22, end=62),
        Call(method="HEAD", start=63, end=78),
    ]

    assert longest_wait(calls) == pytest.approx(0.075)
    assert longest_wait([]) == 0


def test_cost_is_that_of_the_requests() -> None:
    assert dollars({"GET": 1, "HEAD": 3, "PUT": 1}) == pytest.approx(6.60)
