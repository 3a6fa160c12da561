"""Check whether an existing bucket sends its events to EventBridge."""

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tools.operations.doctor.finding import Finding

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def findings(s3: "S3Client", bucket: str) -> Iterator[Finding]:
    """Yield a finding if *bucket* sends no events to EventBridge."""
    if "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=bucket):
        yield Finding(
            problem=f"The bucket {bucket} sends no events to EventBridge, so its uploads would not"
            " be noticed.",
            fix=enable(bucket),
        )


def enable(bucket: str) -> str:
    """Return the command that enables it and keeps the other notifications of *bucket*."""
    name = shlex.quote(bucket)
    return (
        f"aws s3api put-bucket-notification-configuration --bucket {name}"
        " --skip-destination-validation"  # which would send test events to the other targets
        ' --notification-configuration "$(aws s3api get-bucket-notification-configuration'
        f" --bucket {name} --output json"
        """ --query 'merge(@, `{"EventBridgeConfiguration": {}}`)')\""""
    )
