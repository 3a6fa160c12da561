"""The page and the OpenAPI description that the upload API serves, and its security headers."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

_HERE: Final = Path(__file__).parent

PAGE: Final = (_HERE / "page.html").read_text()

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def content_security_policy(*, form_origin: str, image_origin: str) -> str:
    """Return the page's policy, which allows its script, its style and the two buckets only."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash('script')}",
            f"style-src {_hash('style')}",
            f"img-src blob: data: {image_origin}",
            f"connect-src 'self' {form_origin}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def description(*, max_bytes: int, accepts_options: bool) -> dict[str, Any]:
    """Return the OpenAPI description of an API that accepts files of at most *max_bytes*."""
    document: dict[str, Any] = json.loads((_HERE / "openapi.json").read_text())
    properties = document["components"]["schemas"]["Upload"]["properties"]
    properties["size"]["maximum"] = max_bytes
    if not accepts_options:
        del properties["options"]
    return document


def _hash(element: str) -> str:
    """Return the source expression of the only inline *element* (CSP Level 3, section 2.3.1)."""
    [content] = re.findall(rf"<{element}>(.*?)</{element}>", PAGE, re.DOTALL)
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
