"""Complete MiniStack's S3: how writing an object changes its tags, and who may write tags.

Nothing here runs on AWS. Without this, an object that replaces a tagged one would keep the tags,
and a role without `s3:PutObjectTagging` could write them.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ministack.core import iam_actions
from ministack.services import s3

_HEADER = "x-amz-tagging"

_original_put = s3._put_object
_original_checks = iam_actions.s3_additional_checks


def install() -> None:
    """Complete MiniStack."""
    s3._put_object = _put_object
    iam_actions.s3_additional_checks = _additional_checks


def _put_object(bucket: str, key: str, body: bytes, headers: Mapping[str, str]) -> Any:
    """Write an object; without versioning, its key may still have the tags of its predecessor."""
    response = _original_put(bucket, key, body, headers)
    status, *_ = response
    if status == HTTPStatus.OK and not headers.get(_HEADER):
        s3._object_tags.pop((bucket, key, None), None)
    return response


def _additional_checks(
    method: str, path: str, headers: Mapping[str, str], *others: Any
) -> list[tuple[str, str]]:
    """Return the additional permissions that a request needs, with their resources."""
    checks: list[tuple[str, str]] = _original_checks(method, path, headers, *others)
    if method == "PUT" and headers.get(_HEADER):
        checks.append(("s3:PutObjectTagging", f"arn:aws:s3:::{path.lstrip('/')}"))
    return checks
