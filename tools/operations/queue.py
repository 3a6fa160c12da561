"""Receive all messages of a queue, invisible to other consumers for a while."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HOLD_SECONDS = 300

# Later messages are for another run: this one needs the remaining time to ask and to send.
_RECEIVE_SECONDS = 60

# Without a wait time, SQS asks only some of its servers and may miss messages.
_WAIT_SECONDS = 1

# The error codes of SQS for an expired receipt handle.
_LET_GO = {"InvalidParameterValue", "MessageNotInflight", "ReceiptHandleIsInvalid"}


class HeldMessages:
    """Messages by id, invisible to other consumers. A context manager.

    On exit, the messages that were not deleted return to the queue.
    """

    def __init__(self, sqs: "SQSClient", queue_url: str) -> None:
        self.messages: dict[str, MessageTypeDef] = {}
        self._sqs = sqs
        self._url = queue_url
        self._end = time.monotonic() + HOLD_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for message in self.messages.values():
            self._release(message)

    @property
    def is_over(self) -> bool:
        """Whether the messages are visible to others by now. SQS itself does not always say so."""
        return time.monotonic() >= self._end

    def receive(self) -> None:
        """Receive the messages on the queue: all of them, within a minute."""
        latest = self._end - HOLD_SECONDS + _RECEIVE_SECONDS
        while time.monotonic() < latest and (messages := self._received()):
            self.messages |= {message["MessageId"]: message for message in messages}

    def delete(self, id_: str) -> None:
        """Delete a message from the queue."""
        self._sqs.delete_message(
            QueueUrl=self._url, ReceiptHandle=self.messages[id_]["ReceiptHandle"]
        )
        del self.messages[id_]

    def _received(self) -> Sequence["MessageTypeDef"]:
        response = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=_WAIT_SECONDS,
            VisibilityTimeout=HOLD_SECONDS,
            AttributeNames=["SentTimestamp"],
            MessageAttributeNames=["ERROR_CODE", "ERROR_MESSAGE"],
        )
        return response.get("Messages", ())

    def _release(self, message: "MessageTypeDef") -> None:
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        except ClientError as error:
            if error.response["Error"]["Code"].rpartition(".")[2] not in _LET_GO:
                raise
