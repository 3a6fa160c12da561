"""Complete MiniStack's S3: decode the form-encoded filters of bucket notifications.

Nothing here runs on AWS. MiniStack compares keys with the filter as written; S3 decodes the filter
first, so that the prefix `my+photos/` means `my photos/`.
"""

from urllib.parse import unquote_plus

from ministack.services import s3

_original = s3._key_matches_filter


def install() -> None:
    """Complete MiniStack."""
    s3._key_matches_filter = _key_matches_filter


def _key_matches_filter(key: str, prefix: str | None, suffix: str | None) -> bool:
    decoded = (part and unquote_plus(part) for part in (prefix, suffix))
    return bool(_original(key, *decoded))
