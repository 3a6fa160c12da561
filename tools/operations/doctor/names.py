"""Check whether the names that a deployment needs are free, and its existing buckets exist."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tools.operations.doctor.finding import Finding, set_variable
from tools.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client

_FREE = {"404", "NoSuchBucket"}
_HERE = "this account"
_OF_OTHERS = {"403", "AccessDenied", "301", "400"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The name of a bucket to create, and the variable that sets it."""

    name: str
    variable: str
    another: str


def of_buckets(
    s3: "S3Client", account_id: str, settings: Settings, buckets: Sequence[Bucket]
) -> Iterator[Finding]:
    """Yield a finding for each of *buckets* whose name is taken, in this account or another."""
    for bucket in buckets:
        if owner := _owner(s3, bucket.name, account_id):
            yield Finding(
                problem=f"The bucket {bucket.name} exists already, in {owner}.",
                fix=set_variable(settings, bucket.variable, f'"{bucket.another}"'),
            )


def of_existing(s3: "S3Client", account_id: str, buckets: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each of the existing *buckets*, by their variables, that is not here."""
    for variable, bucket in buckets.items():
        owner = _owner(s3, bucket, account_id)
        if owner == _HERE:
            continue
        where = f"that bucket is in {owner}" if owner else "there is no such bucket"
        yield Finding(
            problem=f"{variable} is {bucket}, and {where}; it must be in this account.",
            fix="aws s3 ls # the buckets of this account",
        )


def of_role(iam: "IAMClient", settings: Settings, name: str) -> Iterator[Finding]:
    """Yield a finding if there is a role *name*, perhaps of another deployment."""
    try:
        iam.get_role(RoleName=name)
    except iam.exceptions.NoSuchEntityException:
        return
    yield Finding(
        problem=f"A role {name} exists already, which Terraform did not make from here.",
        fix=set_variable(settings, "name", f'"{name}-2"'),
    )


def _owner(s3: "S3Client", bucket: str, account_id: str) -> str | None:
    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account_id)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _FREE:
            return None
        if code in _OF_OTHERS:
            # S3 gives the same response for a bucket of this account that the caller may not list.
            return "another account or out of reach"
        raise
    return _HERE
