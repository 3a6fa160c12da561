"""A model of S3's lifecycle rules, which applies the rules that Terraform plans."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Rule = Mapping[str, Any]


def expire(s3: "S3Client", bucket: str, rules: list[Rule], now: datetime) -> list[str]:
    """Delete the objects of *bucket* that have expired by *rules* at *now*; return their keys."""
    expired = []
    for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        key = entry["Key"]
        tagging = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        tags = {tag["Key"]: tag["Value"] for tag in tagging}
        if any(now >= end for end in _ends(rules, tags, entry["LastModified"])):
            s3.delete_object(Bucket=bucket, Key=key)
            expired.append(key)
    return expired


def _ends(rules: list[Rule], tags: Mapping[str, str], created: datetime) -> Iterator[datetime]:
    for rule in rules:
        wanted = {tag["key"]: tag["value"] for one in rule["filter"] for tag in one["tag"]}
        if rule["status"] == "Enabled" and wanted.items() <= tags.items():
            for expiration in rule["expiration"]:
                # "Lifecycle rules based on an object's age": rounded up to the next midnight, UTC.
                end = created + timedelta(days=expiration["days"] + 1)
                yield end.replace(hour=0, minute=0, second=0, microsecond=0)
