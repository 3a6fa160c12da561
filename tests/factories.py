"""Events, settings and pictures for tests, which name only the values under test."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from aws_lambda_powertools.utilities.typing import LambdaContext
from PIL import Image
from pipeline.model import Cause, Request

WATERMARK: dict[str, Any] = {
    "position": "bottom-right",
    "width_percent": 20,
    "margin_percent": 2,
    "opacity_percent": 60,
    "rotation_degrees": 0,
    "color": "#ffffff",
    "contrast": "outline",
}


def environment(**changes: str) -> dict[str, str]:
    """Return the function's environment as Terraform sets it, with *changes*."""
    return {
        "PROCESSED_BUCKET": "processed",
        "FAILURE_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/failures",
        "KEY_TEMPLATE": "{directory}{stem}{extension}",
        "VARIANTS": variants(default={"width": 100, "height": 100}),
        "BACKGROUND": "#ffffff",
        "KEEP_COPYRIGHT": "false",
        "KEEP_PROVENANCE": "true",
        "MAX_MEGAPIXELS": "50",
        "MAX_SOURCE_MEGABYTES": "20",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "LAMBDA_TASK_ROOT": "/var/task",
        **changes,
    }


def variants(**by_name: Mapping[str, Any]) -> str:
    """Return the VARIANTS setting, without default values."""
    return json.dumps(by_name)


def watermark(**fields: Any) -> str:
    """Return the WATERMARK setting with *fields* that differ from the defaults."""
    return json.dumps({**WATERMARK, **fields})


def record(
    key: str,
    *,
    bucket: str = "source",
    etag: str = "d41d8cd98f00b204e9800998ecf8427e",
    size: int = 1000,
    version: str = "",
    name: str = "ObjectCreated:Put",
    time: str | None = None,
) -> dict[str, Any]:
    """Return a record of an S3 notification, with its key form-encoded."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": name,
        "eventTime": time or datetime.now(UTC).isoformat(),
        "s3": {
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": size,
                "eTag": etag,
                **({"versionId": version} if version else {}),
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }


def eventbridge_event(request: Request) -> dict[str, Any]:
    """Return the event that S3 sends to EventBridge for an upload or a removal."""
    s3_object: dict[str, Any] = {"key": request.key, "sequencer": "0055AED6DCD90281E5"}
    if request.version:
        s3_object["version-id"] = request.version
    is_removal = request.cause is Cause.REMOVAL
    return {
        "version": "0",
        "detail-type": "Object Deleted" if is_removal else "Object Created",
        "source": "aws.s3",
        "time": (request.occurred_at or datetime.now(UTC)).isoformat(),
        "detail": {"version": "0", "bucket": {"name": request.bucket}, "object": s3_object},
    }


def picture(
    width: int = 300, height: int = 200, *, color: Any = (200, 30, 60), kind: str = "JPEG"
) -> bytes:
    """Return an image file of one colour."""
    mode = "RGBA" if len(color) == 4 else "RGB"
    file = io.BytesIO()
    Image.new(mode, (width, height), color).save(file, kind)
    return file.getvalue()


def request(
    route: str,
    *,
    body: Any = None,
    query: Mapping[str, str] | None = None,
    key: str | None = None,
    subject: str | None = None,
) -> dict[str, Any]:
    """Return the event that API Gateway sends for a request to *route*, such as `GET /images`."""
    method, path = route.split()
    path = path.replace("{key+}", key or "")
    authorizer = {"jwt": {"claims": {"sub": subject}, "scopes": None}}
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "queryStringParameters": query,
        "pathParameters": {"key": key} if key else None,
        "requestContext": {
            "http": {"method": method, "path": path},
            "stage": "$default",
            "requestId": "JKJaXmPLvHcESHA=",
            **({"authorizer": authorizer} if subject is not None else {}),
        },
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


class Context(LambdaContext):
    """An invocation that has just begun, or has *remaining_milliseconds* left."""

    def __init__(self, remaining_milliseconds: int = 60_000) -> None:
        self._function_name = "processor"
        self._memory_limit_in_mb = 1769
        self._invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:processor"
        self._aws_request_id = "52fdfc07-2182-454f-963f-5f0f9a621d72"
        self._remaining_milliseconds = remaining_milliseconds

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # the stub's method is static
        return self._remaining_milliseconds
