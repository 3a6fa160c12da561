"""The records of all sources: the only module that talks to DynamoDB.

Every write is conditional on what is there, so that the newest stays, in whatever order the
writes come.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import TransientFailure
from pipeline.records import Record, State, comparable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Any]

BY_STATUS: Final = "by-status"
BY_OWNER: Final = "by-owner"

POSITION: Final = ("source_key", "updated_at")
"""What tells the place of a record in either index, besides whose or of which status it is."""

MAX_TRIES: Final = 5
"""Every lost try means that another handler won one, so a few are enough."""

_NEWER = "attribute_not_exists(source_key) OR sequencer < :sequencer"
_UNCHANGED = "sequencer = :old_sequencer AND updated_at = :old_updated_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of a list of records, and after which one the next page begins, if there is one."""

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

    def put(self, record: Record) -> bool:
        """Write *record* unless a newer one is there; tell whether it is the newest.

        What says the same already is left as it is. A record without a sequencer takes the place
        of one of the same content.
        """
        old = self._write(record, _NEWER, {})
        for _ in range(MAX_TRIES):
            if old is None:
                return True
            if record.sequencer == comparable("") and record.etag == old["etag"]:
                record = replace(record, sequencer=old["sequencer"])
            if record.sequencer < old["sequencer"]:
                return False
            if record.says_the_same_as(old):
                return True
            seen = {f":old_{name}": old[name] for name in ("sequencer", "updated_at")}
            old = self._write(record, _UNCHANGED, seen)
        raise TransientFailure(
            f"record {record.source_key!r}: overtaken {MAX_TRIES} times in a row"
        )

    def get(self, source_key: str) -> Item | None:
        """Return the record of *source_key*, or None."""
        with _naming("read a record"):
            answer = self._client.get_item(
                TableName=self._name, Key=_attributes({"source_key": source_key})
            )
        return _item(answer["Item"]) if "Item" in answer else None

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
        with _naming("list records"):
            answer = self._client.query(**request)
        last = _item(answer.get("LastEvaluatedKey", {}))
        return Page(
            records=[_item(found) for found in answer["Items"]],
            next={name: last[name] for name in POSITION} if last else None,
        )

    def _write(self, record: Record, condition: str, seen: Item) -> Item | None:
        """Write *record* if *condition* holds; return what is there if it does not."""
        fields = record.fields()
        if self._days_kept:
            expiry = datetime.now(UTC) + timedelta(days=self._days_kept)
            fields["expires_at"] = int(expiry.timestamp())
        values = {":sequencer": record.sequencer} if condition is _NEWER else dict(seen)
        with _naming("write a record"):
            try:
                self._client.put_item(
                    TableName=self._name,
                    Item=_attributes(fields),
                    ConditionExpression=condition,
                    ExpressionAttributeValues=_attributes(values),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                    return _item(error.response["Item"])  # type: ignore[typeddict-item]  # asked for
                raise
        return None


def _attributes(fields: Item) -> dict[str, Any]:
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in fields.items()}


def _item(attributes: Mapping[str, Any]) -> dict[str, Any]:
    deserialize = TypeDeserializer().deserialize
    return {name: _plain(deserialize(value)) for name, value in attributes.items()}


def _plain(value: Any) -> Any:
    """Return *value* with whole numbers in place of decimals: there are no others in a record."""
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if isinstance(value, dict):
        return {name: _plain(element) for name, element in value.items()}
    return value


@contextmanager
def _naming(action: str) -> Iterator[None]:
    """Make a `TransientFailure` that names *action* of whatever goes wrong on the way."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise TransientFailure(f"cannot {action}: {error}") from error
