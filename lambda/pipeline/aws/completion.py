"""Completion events: send the record of every finished source to an event bus."""

import json
from typing import TYPE_CHECKING, Final

from pipeline.aws.client import aws_call
from pipeline.errors import TransientFailure
from pipeline.records import Record, State

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE: Final = "image-pipeline"

_DETAIL_TYPES: Final = {
    State.READY: "Image Processed",
    State.REJECTED: "Image Rejected",
}


class CompletionBus:
    """The event bus that receives an event for every source processed or rejected."""

    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        self._client = client
        self._name = name

    def put(self, record: Record) -> None:
        """Send *record* at least once. Raises `TransientFailure`."""
        if record.status not in _DETAIL_TYPES:
            return
        with aws_call("send a completion event"):
            response = self._client.put_events(
                Entries=[
                    {
                        "EventBusName": self._name,
                        "Source": SOURCE,
                        "DetailType": _DETAIL_TYPES[record.status],
                        "Detail": json.dumps(record.fields()),
                    }
                ]
            )
        if response["FailedEntryCount"]:
            raise TransientFailure(f"cannot send a completion event: {response['Entries'][0]}")
