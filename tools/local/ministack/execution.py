"""What the additions to MiniStack's Step Functions know of a running execution."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Running:
    """The execution that the current thread works for, and its role."""

    record: dict[str, Any]
    role_arn: str

    @property
    def is_stopped(self) -> bool:
        return bool(self.record["status"] != "RUNNING")


class Stopped(Exception):
    """The execution was stopped: no Retry or Catch matches this."""
