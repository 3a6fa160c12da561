"""Events, settings and pictures for tests, each with only what the test is about spelled out."""

import io
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from PIL import Image
from pipeline.model import Removal, Source

VARIANT: dict[str, Any] = {
    "fit": "inside",
    "position": "center",
    "enlarge": False,
    "sharpen": False,
    "format": "keep",
    "chroma": "4:2:0",
    "lossless": False,
    "palette": False,
    "watermark": True,
}

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
    """Return the function's environment as Terraform would set it, with *changes*."""
    return {
        "PROCESSED_BUCKET": "processed",
        "FAILURE_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/failures",
        "KEY_TEMPLATE": "{directory}{stem}{extension}",
        "VARIANTS": variants(default={"width": 100, "height": 100}),
        "BACKGROUND": "#ffffff",
        "KEEP_COPYRIGHT": "false",
        "MAX_MEGAPIXELS": "50",
        "MAX_SOURCE_MEGABYTES": "20",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "LAMBDA_TASK_ROOT": "/var/task",
        **changes,
    }


def variants(**by_name: Mapping[str, Any]) -> str:
    """Return the VARIANTS setting for variants that differ from the default in the given fields."""
    return json.dumps({name: {**VARIANT, **fields} for name, fields in by_name.items()})


def watermark(**fields: Any) -> str:
    """Return the WATERMARK setting for one that differs from the default in *fields*."""
    return json.dumps({**WATERMARK, **fields})


def record(
    key: str,
    *,
    bucket: str = "source",
    etag: str = "d41d8cd98f00b204e9800998ecf8427e",
    size: int = 1000,
    sequencer: str = "0055AED6DCD90281E5",
) -> dict[str, Any]:
    """Return a record of an S3 notification, its key encoded as S3 does."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": size,
                "eTag": etag,
                "sequencer": sequencer,
            },
        },
    }


def announced(request: Source | Removal) -> dict[str, Any]:
    """Return the event that S3 sends to EventBridge of *request*."""
    s3_object: dict[str, Any] = {"key": request.key, "sequencer": request.sequencer}
    if isinstance(request, Source):
        s3_object |= {"size": request.size, "etag": request.etag, "version-id": request.version}
    return {
        "version": "0",
        "detail-type": "Object Created" if isinstance(request, Source) else "Object Deleted",
        "source": "aws.s3",
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
    """Return the event that API Gateway makes of a request to *route*, such as `GET /images`."""
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
