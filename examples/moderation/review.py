"""Refuse an upload in which Amazon Rekognition finds what should not be published."""

from typing import Any

import boto3

CONFIDENCE_PERCENT = 80


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Return whether the version of the upload in *event* may be published."""
    source = event["source"]
    found = boto3.client("rekognition").detect_moderation_labels(
        Image={
            "S3Object": {
                "Bucket": source["bucket"],
                "Name": source["key"],
                "Version": source["version"],
            }
        },
        MinConfidence=CONFIDENCE_PERCENT,
    )
    names = sorted({label["Name"] for label in found["ModerationLabels"]})
    return {"allow": not names, "reason": ", ".join(names)}
