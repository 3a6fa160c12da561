"""The failure queue: where a rejected upload is reported, once, with its reason."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import Rejected, TransientFailure
from pipeline.model import Removal, Source

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class FailureQueue:
    """The queue that Lambda itself sends to when its retries are exhausted."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def report(
        self,
        rejection: Rejected,
        *,
        request: Source | Removal | None,
        event: Mapping[str, Any],
        request_id: str,
    ) -> None:
        """Report *rejection* of *request*, which *event* announced.

        The message has the frame of Lambda's own failure records (`timestamp`, `requestContext`,
        `requestPayload`), so that both kinds can be read and sent again alike, and a `rejection`
        in place of their `responsePayload`. *request* is None where the event does not tell it.
        Raises `TransientFailure`.
        """
        message = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "requestContext": {"requestId": request_id, "condition": "Rejected"},
            "requestPayload": event,
            "rejection": {
                "reason": rejection.reason,
                "message": str(rejection),
                "source": asdict(request) if request else None,
                "found": rejection.found,
            },
        }
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(message))
        except (ClientError, BotoCoreError) as error:
            raise TransientFailure(f"cannot report a rejection: {error}") from error
