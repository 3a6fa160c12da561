"""Read the items of a Distributed Map from S3: a listing, or an S3 Inventory in CSV."""

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def listed(s3: "S3Client", bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield the objects under *prefix*, in the form that Step Functions uses."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for entry in page.get("Contents", []):
            yield {
                "Etag": entry["ETag"],
                "Key": entry["Key"],
                "LastModified": int(entry["LastModified"].timestamp()),
                "Size": entry["Size"],
                "StorageClass": entry.get("StorageClass", "STANDARD"),
            }


def read_manifest(s3: "S3Client", bucket: str, key: str) -> dict[str, Any]:
    """Return an inventory's manifest.json; raise ValueError if the inventory is not in CSV."""
    manifest: dict[str, Any] = json.loads(_body(s3, bucket, key))
    if manifest.get("fileFormat") != "CSV":
        raise ValueError(f"s3://{bucket}/{key} is not of an inventory in CSV")
    return manifest


def columns(manifest: Mapping[str, Any]) -> list[str]:
    """Return the names of an inventory's columns."""
    return [column.strip() for column in manifest["fileSchema"].split(",")]


def inventoried(s3: "S3Client", manifest: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the rows of an inventory: all fields are text, the keys form-encoded."""
    names = columns(manifest)
    bucket = manifest["destinationBucket"].rpartition(":")[2]
    for file in manifest["files"]:
        text = gzip.decompress(_body(s3, bucket, file["key"])).decode()
        for row in csv.reader(StringIO(text, newline="")):
            yield dict(zip(names, row, strict=True))


def _body(s3: "S3Client", bucket: str, key: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
