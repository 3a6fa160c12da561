"""All that is on a queue, kept from others for a while."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HOLD_SECONDS = 300

# What comes later is for another run: this one needs the rest of its time to ask and to send.
_RECEIVE_SECONDS = 60

# Without waiting SQS asks some of its servers only, and may find nothing where there is something.
_WAIT_SECONDS = 1

# What SQS answers for a message that is not held any more, after the name of its service.
_LET_GO = {"InvalidParameterValue", "MessageNotInflight", "ReceiptHandleIsInvalid"}


class HeldMessages:
    """Messages by their id, which nobody else gets meanwhile. A context manager.

    Leaving it returns what was not deleted to the queue.
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
        """Whether others may have the messages by now. SQS itself does not always tell."""
        return time.monotonic() >= self._end

    def receive(self) -> None:
        """Take what is on the queue now: all of it, if that takes no more than a minute."""
        latest = self._end - HOLD_SECONDS + _RECEIVE_SECONDS
        while time.monotonic() < latest and (messages := self._received()):
            self.messages |= {message["MessageId"]: message for message in messages}

    def delete(self, id_: str) -> None:
        """Take a message off the queue."""
        self._sqs.delete_message(
            QueueUrl=self._url, ReceiptHandle=self.messages[id_]["ReceiptHandle"]
        )
        del self.messages[id_]

    def _received(self) -> Sequence["MessageTypeDef"]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=_WAIT_SECONDS,
            VisibilityTimeout=HOLD_SECONDS,
            AttributeNames=["SentTimestamp"],
            MessageAttributeNames=["ERROR_CODE", "ERROR_MESSAGE"],
        )
        return answer.get("Messages", ())

    def _release(self, message: "MessageTypeDef") -> None:
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        except ClientError as error:
            if error.response["Error"]["Code"].rpartition(".")[2] not in _LET_GO:
                raise
