"""Decide for Terraform whether a bucket or a table may be destroyed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.aws.client import aws_call
from pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def guard(question: Mapping[str, Any], s3: "S3Client") -> None:
    """Refuse to destroy a bucket that is not empty or a table that is protected.

    *question* is the input of Terraform's `aws_lambda_invocation.guard`, to which the provider adds
    the planned action under `tf`. Raises `ConfigurationError`, or `TransientFailure` if S3 does not
    say what the bucket holds; either stops Terraform.
    """
    if question["tf"]["action"] != "delete":
        return
    if "bucket" in question:
        _guard_bucket(s3, question["bucket"], force_destroy=question["force_destroy"])
    else:
        _guard_table(question["table"], deletion_protection=question["deletion_protection"])


def _guard_bucket(s3: "S3Client", bucket: str, *, force_destroy: bool) -> None:
    # S3 also refuses to delete a bucket that holds only old versions or delete markers.
    with aws_call(f"list the bucket {bucket}"):
        found = s3.list_object_versions(Bucket=bucket, MaxKeys=1)
    if not force_destroy and ("Versions" in found or "DeleteMarkers" in found):
        raise ConfigurationError(
            f"the bucket {bucket} still holds objects, or old versions of them, and nothing was"
            " touched. Empty it, or apply with force_destroy = true to have them deleted;"
            " then try again"
        )


def _guard_table(table: str, *, deletion_protection: bool) -> None:
    if deletion_protection:
        raise ConfigurationError(
            f"the table {table} is protected from deletion, and nothing was touched. Apply with"
            " metadata.deletion_protection = false to have its records deleted; then try again"
        )
