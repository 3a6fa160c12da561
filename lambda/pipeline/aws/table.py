"""The records of all sources: the only module that talks to DynamoDB."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from pipeline.aws.client import aws_call, error_code
from pipeline.records import Record, State

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Any]

BY_STATUS: Final = "by-status"
BY_OWNER: Final = "by-owner"

POSITION: Final = ("source_key", "updated_at")
"""The attributes of a position in either index, besides the owner or the status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of records, and the position where the next page starts, if any."""

    records: Sequence[Item]
    next: Mapping[str, str] | None


class Table:
    """The table of records. Every method raises `TransientFailure` when DynamoDB cannot answer."""

    def __init__(
        self, client: "DynamoDBClient", name: str, *, days_kept: int | None = None
    ) -> None:
        self._client = client
        self._name = name
        self._days_kept = days_kept

    def put(self, record: Record, *, over: Item | None) -> bool:
        """Write *record* if *over* is still the record of its source; return whether it was."""
        fields = record.fields()
        if self._days_kept:
            expiry = datetime.now(UTC) + timedelta(days=self._days_kept)
            fields["expires_at"] = int(expiry.timestamp())
        with aws_call("write a record"):
            try:
                self._client.put_item(
                    TableName=self._name, Item=_attributes(fields), **_unless_changed(over)
                )
            except ClientError as error:
                if error_code(error) == "ConditionalCheckFailedException":
                    return False
                raise
        return True

    def get(self, source_key: str) -> Item | None:
        """Return the record of *source_key*, read consistently, or None."""
        with aws_call("read a record"):
            response = self._client.get_item(
                TableName=self._name,
                Key=_attributes({"source_key": source_key}),
                ConsistentRead=True,
            )
        return _item(response["Item"]) if "Item" in response else None

    def recent(
        self, state: State, *, owner: str | None, limit: int, after: Mapping[str, str] | None
    ) -> Page:
        """Return at most *limit* records in *state*, the newest first, of *owner* or of all."""
        request: dict[str, Any] = {
            "TableName": self._name,
            "ScanIndexForward": False,
            "Limit": limit,
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": _attributes({":status": state.value}),
        }
        if owner is None:
            request |= {"IndexName": BY_STATUS, "KeyConditionExpression": "#status = :status"}
        else:
            request |= {
                "IndexName": BY_OWNER,
                "KeyConditionExpression": "#owner = :owner",
                "FilterExpression": "#status = :status",
            }
            request["ExpressionAttributeNames"] |= {"#owner": "owner"}
            request["ExpressionAttributeValues"] |= _attributes({":owner": owner})
        if after:
            own = {"status": state.value} if owner is None else {"owner": owner}
            request["ExclusiveStartKey"] = _attributes({**after, **own})
        with aws_call("list records"):
            response = self._client.query(**request)
        last = _item(response.get("LastEvaluatedKey", {}))
        return Page(
            records=[_item(found) for found in response["Items"]],
            next={name: last[name] for name in POSITION} if last else None,
        )


def _unless_changed(record: Item | None) -> dict[str, Any]:
    """Return the condition that *record* is still stored, by its content and its time."""
    if record is None:
        return {"ConditionExpression": "attribute_not_exists(source_key)"}
    return {
        "ConditionExpression": "etag = :etag AND updated_at = :updated_at",
        "ExpressionAttributeValues": _attributes(
            {":etag": record["etag"], ":updated_at": record["updated_at"]}
        ),
    }


def _attributes(fields: Item) -> dict[str, Any]:
    serialize = TypeSerializer().serialize
    # DynamoDB takes decimals, not floats.
    exact = json.loads(json.dumps(fields), parse_float=Decimal)
    return {name: serialize(value) for name, value in exact.items()}


def _item(attributes: Mapping[str, Any]) -> dict[str, Any]:
    deserialize = TypeDeserializer().deserialize
    return {name: _plain(deserialize(value)) for name, value in attributes.items()}


def _plain(value: Any) -> Any:
    """Return *value* with numbers as Python and JSON know them."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if isinstance(value, dict):
        return {name: _plain(element) for name, element in value.items()}
    return value
