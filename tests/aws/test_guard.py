"""Terraform asks the function before it destroys anything; data in use is protected."""

from typing import TYPE_CHECKING, Any

import index
import pytest
from pipeline.errors import ConfigurationError, TransientFailure

from tests.factories import Context

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.usefixtures("configured")

ALLOWED = {"status": "guarded"}


def ask(action: str = "delete", **question: Any) -> Any:
    """Invoke it as the provider does for an `aws_lambda_invocation` that is about to change."""
    event = {"step": "guard", **question}
    return index.handler({**event, "tf": {"action": action, "prev_input": event}}, Context())


@pytest.mark.parametrize("bucket", ["source", "processed"])
def test_an_empty_bucket_may_be_destroyed(bucket: str) -> None:
    assert ask(bucket=bucket, force_destroy=False) == ALLOWED


@pytest.mark.parametrize("bucket", ["source", "processed"])
def test_a_bucket_with_an_object_is_refused(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="photo.jpg", Body=b"photo")

    with pytest.raises(ConfigurationError, match=rf"{bucket} still holds .* force_destroy = true"):
        ask(bucket=bucket, force_destroy=False)


def test_a_bucket_with_only_a_delete_marker_is_refused(s3: "S3Client") -> None:
    version = s3.put_object(Bucket="source", Key="photo.jpg", Body=b"photo")["VersionId"]
    s3.delete_object(Bucket="source", Key="photo.jpg")
    s3.delete_object(Bucket="source", Key="photo.jpg", VersionId=version)

    with pytest.raises(ConfigurationError, match="source still holds"):
        ask(bucket="source", force_destroy=False)


def test_force_destroy_permits_destroying_a_bucket_with_objects(s3: "S3Client") -> None:
    s3.put_object(Bucket="source", Key="photo.jpg", Body=b"photo")

    assert ask(bucket="source", force_destroy=True) == ALLOWED


def test_a_bucket_that_cannot_be_listed_is_refused_by_name() -> None:
    with pytest.raises(TransientFailure, match="cannot list the bucket missing"):
        ask(bucket="missing", force_destroy=False)


def test_a_protected_table_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="records is protected from deletion"):
        ask(table="records", deletion_protection=True)


def test_an_unprotected_table_may_be_destroyed() -> None:
    assert ask(table="records", deletion_protection=False) == ALLOWED


@pytest.mark.parametrize("action", ["create", "update"])
def test_a_change_that_destroys_nothing_is_permitted(s3: "S3Client", action: str) -> None:
    s3.put_object(Bucket="source", Key="photo.jpg", Body=b"photo")

    assert ask(action, bucket="source", force_destroy=False) == ALLOWED
    assert ask(action, table="records", deletion_protection=True) == ALLOWED
