"""What MiniStack's S3 lacks of AWS's: the filters of a bucket's notifications are form-encoded.

Nothing of this runs on AWS. MiniStack compares a key with a filter as it was written; S3 decodes
the filter first, so that a prefix `my+photos/` means `my photos/`.
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
