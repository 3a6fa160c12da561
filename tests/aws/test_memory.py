"""The clients that random histories run on answer as moto does."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipeline.aws.table import Table
from pipeline.records import Record, State

from tests.aws.memory import MemoryDynamoDB, MemoryS3

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

BODIES = [b"", b"one", b"two"]
ETAGS = ['"d41d8cd98f00b204e9800998ecf8427e"', '"f97c5d29941bfb1b2fdab0874906ab82"']

TOLD = ("ETag", "ContentLength", "Metadata", "ContentType", "CacheControl", "TagSet")

CONDITIONS = st.sampled_from(
    [{}, {"IfNoneMatch": "*"}, *({"IfMatch": etag} for etag in ETAGS)],
)
HEADERS = st.sampled_from([{}, {"ContentType": "image/png", "CacheControl": "max-age=1"}])
PUTS = st.builds(
    lambda body, condition, headers: (
        "put_object",
        {"Body": body, "Metadata": {"of": "x"}, **condition, **headers},
    ),
    st.sampled_from(BODIES),
    CONDITIONS,
    HEADERS,
)
COPY: tuple[str, Mapping[str, Any]] = (
    "copy_object",
    {
        "ContentType": "image/webp",
        "CacheControl": "max-age=2",
        "MetadataDirective": "REPLACE",
        "Metadata": {"retired": "true"},
        "TaggingDirective": "REPLACE",
        "Tagging": "retired=true",
        # moto would copy whatever the condition says.
    },
)
DELETES = st.sampled_from([{}, *({"IfMatch": etag} for etag in ETAGS)]).map(
    lambda condition: ("delete_object", condition)
)
READS: st.SearchStrategy[tuple[str, Mapping[str, Any]]] = st.sampled_from(
    [
        ("get_object", {}),
        ("head_object", {}),
        ("get_object_tagging", {}),
        ("list_objects_v2", {}),
        ("list_object_versions", {}),
        ("delete the newest version", {}),
    ]
)


def response_to(s3: Any, bucket: str, method: str, fields: Mapping[str, Any]) -> Any:
    """Return what a client answers, without what differs between any two."""
    if method == "delete the newest version":
        listed = s3.list_object_versions(Bucket=bucket, Prefix="k")
        for version in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
            if version["IsLatest"]:
                s3.delete_object(Bucket=bucket, Key="k", VersionId=version["VersionId"])
        return None
    place: dict[str, Any] = {"Prefix": "k"} if method.startswith("list") else {"Key": "k"}
    if method == "copy_object":
        place["CopySource"] = {"Bucket": bucket, "Key": "k"}
    try:
        response = getattr(s3, method)(Bucket=bucket, **place, **fields)
    except ClientError as error:
        return error.response["Error"]["Code"]
    if method.startswith("list"):
        return {
            kind: [(entry["Key"], entry.get("IsLatest")) for entry in response.get(kind, [])]
            for kind in ("Contents", "Versions", "DeleteMarkers")
        }
    if method == "delete_object":
        return None
    if method == "copy_object":
        return response["CopyObjectResult"]["ETag"]
    output = {name: response.get(name) for name in TOLD}
    body = response["Body"].read() if "Body" in response else None
    return {**output, "body": body, "has a version": response.get("VersionId", "null") != "null"}


@pytest.mark.parametrize("bucket", ["source", "processed"], ids=["versions", "no versions"])
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(calls=st.lists(st.one_of(PUTS, PUTS, st.just(COPY), DELETES, READS), max_size=20))
def test_s3_in_memory_answers_as_moto(
    s3: "S3Client", bucket: str, calls: list[tuple[str, Mapping[str, Any]]]
) -> None:
    memory = MemoryS3(source=True, processed=False)
    while response_to(s3, bucket, "list_object_versions", {}) != response_to(
        memory, bucket, "list_object_versions", {}
    ):
        response_to(s3, bucket, "delete the newest version", {})

    responses = [
        (response_to(memory, bucket, *one), response_to(s3, bucket, *one)) for one in calls
    ]

    assert [ours for ours, _ in responses] == [theirs for _, theirs in responses]


def test_s3_in_memory_copies_only_what_was_seen() -> None:
    memory = MemoryS3(processed=False)
    memory.put_object(Bucket="processed", Key="k", Body=b"one")
    _, request = COPY
    condition = {"CopySourceIfMatch": ETAGS[0]}

    assert response_to(memory, "processed", "copy_object", {**request, **condition}) == (
        "PreconditionFailed"
    )
    condition = {"CopySourceIfMatch": ETAGS[1]}
    assert response_to(memory, "processed", "copy_object", {**request, **condition}) == ETAGS[1]


def test_dynamodb_in_memory_answers_as_moto(dynamodb: "DynamoDBClient") -> None:
    tables = [
        Table(cast("DynamoDBClient", MemoryDynamoDB()), "records"),
        Table(dynamodb, "records"),
    ]
    at = "2026-01-01T00:00:00.000+00:00"
    first = Record(
        source_key="k",
        status=State.READY,
        etag="e",
        started_at=at,
        updated_at=at,
        confirmed_at=at,
        facts={"bucket": "source"},
    )
    second = replace(first, updated_at="2026-01-01T00:00:01.000+00:00")

    for table in tables:
        assert table.get("k") is None
        assert not table.put(second, over=first.fields())
        assert table.put(first, over=None)
        assert not table.put(second, over=None)
        assert not table.put(first, over=second.fields())
        assert not table.put(second, over={**first.fields(), "etag": "another"})
        assert table.put(second, over=first.fields())
        assert table.get("k") == second.fields()
