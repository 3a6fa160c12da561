"""The failure queue: one message with a reason for every upload that is not published."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.aws.client import aws_call
from pipeline.model import Outcome, Request

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class FailureQueue:
    """The queue that Lambda itself sends to when its retries are exhausted."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def report(
        self,
        outcome: Outcome,
        *,
        request: Request | None,
        event: Mapping[str, Any],
        request_id: str,
    ) -> None:
        """Report *outcome*, a rejection or an unreviewed upload, and the *event* that led to it.

        The message has the fields of Lambda's own failure records (`timestamp`, `requestContext`,
        `requestPayload`), so that redrive handles both the same way, and a `rejection` instead of
        their `responsePayload`. It names the source as found, or else as in the event; *request*
        is None if the event cannot be parsed. Raises `TransientFailure`.
        """
        rejection = outcome.rejection
        source = outcome.source or request
        message = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "requestContext": {"requestId": request_id, "condition": "Rejected"},
            "requestPayload": event,
            "rejection": {
                "reason": rejection.reason if rejection else outcome.status.value,
                "message": str(rejection) if rejection else outcome.detail,
                "source": asdict(source) if source else None,
                "details": rejection.details if rejection else {},
            },
        }
        with aws_call("report a rejection"):
            self._client.send_message(
                QueueUrl=self._url, MessageBody=json.dumps(message, default=str)
            )
