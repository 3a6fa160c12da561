"""Complete MiniStack's IAM: the condition key `events:source` of requests that send events.

Nothing here runs on AWS. Without the key, a policy that names a source denies every request.
"""

import json
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions

_original = iam_actions.request_tag_context


def install() -> None:
    """Complete MiniStack."""
    iam_actions.request_tag_context = _request_context


def _request_context(
    service: str, action: str, body: bytes, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return MiniStack's context of a request plus the sources of its events."""
    keys: dict[str, Any] = _original(service, action, body, parameters)
    if action != "events:PutEvents":
        return keys
    sources = sorted({entry.get("Source", "") for entry in json.loads(body).get("Entries", [])})
    # MiniStack compares lists only with the operators for sets of values.
    return {**keys, "events:source": sources[0] if len(sources) == 1 else sources}
