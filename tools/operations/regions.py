"""Find the AWS region of a resource from its name; boto3 itself reads AWS_DEFAULT_REGION only."""

import os
import re
from urllib.parse import urlsplit

import boto3

_REGION = r"[a-z]{2,}(?:-[a-z]+)+-\d+"

# Of SQS: https://docs.aws.amazon.com/general/latest/gr/sqs-service.html lists regional, legacy and
# dual-stack endpoints; those of a VPC begin with the id of the endpoint.
_QUEUE_HOST = re.compile(
    rf"(?:[^.]+\.)?sqs(?:-fips)?\.({_REGION})\.(?:vpce\.)?(?:amazonaws\.com|api\.)"
    rf"|({_REGION})\.queue\.amazonaws\.com"
)
_ARN = re.compile(rf"arn:[^:]+:[^:]+:({_REGION}):")


def session(*names: str | None) -> boto3.Session:
    """Return a session in the region of the first ARN or queue URL among *names* that has one.

    If none has, the environment's region is used, from either variable.
    """
    found = next(filter(None, map(region_of, names)), None)
    configured = boto3.Session().region_name or os.environ.get("AWS_REGION")
    return boto3.Session(region_name=found or configured)


def region_of(name: str | None) -> str | None:
    """Return the region in an ARN or the URL of a queue, or None."""
    if not name:
        return None
    if arn := _ARN.match(name):
        return arn[1]
    host = _QUEUE_HOST.match(urlsplit(name).hostname or "")
    return (host[1] or host[2]) if host else None
