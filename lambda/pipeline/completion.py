"""The end of a source's way: recorded and announced, by what of the two there is."""

from datetime import datetime
from typing import Protocol

from pipeline import records
from pipeline.model import Outcome
from pipeline.records import Record


class Table(Protocol):
    """What completing needs of `pipeline.table.Table`."""

    def put(self, record: Record) -> bool: ...


class Announcements(Protocol):
    """What completing needs of `pipeline.announcements.Announcements`."""

    def put(self, record: Record) -> None: ...


def complete(
    outcome: Outcome,
    table: Table | None,
    announcements: Announcements | None,
    *,
    started_at: datetime,
) -> None:
    """Record *outcome*, then announce it, unless a newer one is recorded.

    Raises `TransientFailure`. The way that is tried again after it announces again what it has
    recorded before: an announcement may come twice, but is never lost.
    """
    if table is None and announcements is None:
        return
    record = records.of_outcome(outcome, started_at=started_at)
    is_newest = table is None or table.put(record)
    if announcements and is_newest:
        announcements.put(record)
