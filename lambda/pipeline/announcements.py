"""Completion events: what a record says, for those who do not want to ask for it."""

import json
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import TransientFailure
from pipeline.records import Record, State

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE: Final = "image-pipeline"

_DETAIL_TYPES: Final = {
    State.READY: "Image Processed",
    State.REJECTED: "Image Rejected",
}


class Announcements:
    """The event bus that hears of every source that was processed or rejected."""

    def __init__(self, client: "EventBridgeClient", bus: str) -> None:
        self._client = client
        self._bus = bus

    def put(self, record: Record) -> None:
        """Announce *record*, at least once. Raises `TransientFailure`."""
        if record.status not in _DETAIL_TYPES:
            return
        try:
            answer = self._client.put_events(
                Entries=[
                    {
                        "EventBusName": self._bus,
                        "Source": SOURCE,
                        "DetailType": _DETAIL_TYPES[record.status],
                        "Detail": json.dumps(record.fields()),
                    }
                ]
            )
        except (ClientError, BotoCoreError) as error:
            raise TransientFailure(f"cannot announce a completion: {error}") from error
        if answer["FailedEntryCount"]:
            raise TransientFailure(f"cannot announce a completion: {answer['Entries'][0]}")
