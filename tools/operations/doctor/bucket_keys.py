"""Check whether the function may use the keys with which existing buckets encrypt."""

import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tools.operations.doctor.finding import Finding, set_variable
from tools.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Everyone in the account may use this one through S3.
_MANAGED = "alias/aws/s3"
_NO_ENCRYPTION = "ServerSideEncryptionConfigurationNotFoundError"


def findings(
    s3: "S3Client", settings: Settings, buckets: Iterable[str], *, known: str | None
) -> Iterator[Finding]:
    """Yield a finding for each of *buckets* with a key other than the *known* one."""
    for bucket in buckets:
        for key in _keys(s3, bucket):
            if not key.endswith(_MANAGED) and not (known or "").endswith(key):
                yield Finding(
                    problem=f"The bucket {bucket} encrypts with {key}, which is not kms_key:"
                    " uploads fail unless that key's policy lets the function's role use it.",
                    fix=_fix(settings, key),
                    is_blocking=False,
                )


def _fix(settings: Settings, key: str) -> str:
    if ":key/" in key:
        return set_variable(settings, "kms_key", f'{{ arn = "{key}" }}')
    return f"aws kms describe-key --key-id {shlex.quote(key)} # whose ARN is for kms_key"


def _keys(s3: "S3Client", bucket: str) -> Iterator[str]:
    try:
        response = s3.get_bucket_encryption(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == _NO_ENCRYPTION:
            return
        raise
    for rule in response["ServerSideEncryptionConfiguration"]["Rules"]:
        if key := rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID"):
            yield key
