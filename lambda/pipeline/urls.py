"""The URL of a processed image on a content delivery network."""

from urllib.parse import quote


def image_url(base_url: str, key: str) -> str:
    """Return the URL of *key* under *base_url*, which does not end in a slash.

    Everything but slashes and the unreserved characters of RFC 3986 is percent-encoded: S3 would
    decode a `+` in a path as a space.
    """
    return f"{base_url}/{quote(key)}"
