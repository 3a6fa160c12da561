"""Configure AWS clients, and translate their errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from pipeline.errors import TransientFailure

CONNECTIONS: Final = 32
"""Maximum concurrent requests to one service."""

CLIENT_CONFIG: Final = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=CONNECTIONS,
)
"""Retries throttling (503 SlowDown) and broken connections within the function's timeout."""


DENIED: Final = {"AccessDenied", "403"}
"""The error codes of a missing permission; of a response without a body it is the status."""


@contextmanager
def aws_call(action: str, *, if_denied: str = "") -> Iterator[None]:
    """Turn any AWS or network error into a `TransientFailure` that names *action*.

    *if_denied* says what to check if a permission is missing.
    """
    try:
        yield
    except (ClientError, BotoCoreError, HTTPError, OSError) as error:
        is_denied = isinstance(error, ClientError) and error_code(error) in DENIED
        advice = f". {if_denied}" if is_denied and if_denied else ""
        raise TransientFailure(f"cannot {action}: {error}{advice}") from error


def error_code(error: ClientError) -> str:
    """Return the service's error code, or the HTTP status of a response without a body."""
    return error.response["Error"]["Code"]
