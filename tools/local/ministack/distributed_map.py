"""A Map state in distributed mode, as the AWS Step Functions developer guide describes it.

It reads items from S3, batches them, runs a child workflow execution per batch, and writes the
results to S3. The caller supplies the work of one child.
"""

import contextvars
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tools.operations import map_items

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LIST_OBJECTS = ":s3:listObjectsV2"
GET_OBJECT = ":s3:getObject"

_LOOK_SECONDS = 0.05
_FILES = {
    "SUCCEEDED": ("SUCCEEDED",),
    "FAILED": ("FAILED", "TIMED_OUT", "ABORTED"),
    "PENDING": ("PENDING",),
}
"""The statuses of children, by the prefix of their result files."""

_COUNTED = {
    "pending": "PENDING",
    "running": "RUNNING",
    "succeeded": "SUCCEEDED",
    "failed": "FAILED",
    "timedOut": "TIMED_OUT",
    "aborted": "ABORTED",
}


class StateFailed(Exception):
    """A state failed with a named error, which Retry and Catch can match."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


@dataclass(kw_only=True)
class Child:
    """A child workflow execution, which processes one item or one batch of them."""

    arn: str
    machine_arn: str
    input: Any
    items: int
    status: str = "PENDING"
    started: datetime | None = None
    stopped: datetime | None = None
    output: Any = None
    error: str = ""
    cause: str = ""


@dataclass(kw_only=True)
class MapRun:
    """The children of one Map state, and how many of their items may fail."""

    children: Sequence[Child]
    max_concurrency: int
    tolerated_percentage: float | None = None
    tolerated_count: int | None = None
    results_written: bool = False
    _lock: Lock = field(default_factory=Lock)

    def run(
        self,
        execute: Callable[[Child], Any],
        *,
        is_stopped: Callable[[], bool],
        on_change: Callable[[], object] = lambda: None,
    ) -> str:
        """Execute the children until all have ended, and return the status of the run.

        It is ABORTED once *is_stopped* returns true, and FAILED as soon as more items failed than
        tolerated: then no further child starts, and running ones are not awaited.
        """

        def status() -> str:
            if is_stopped():
                return "ABORTED"
            return "FAILED" if self.exceeds_tolerance() else "RUNNING"

        def work(child: Child) -> None:
            if status() != "RUNNING":
                return
            self._start(child)
            on_change()
            try:
                self._end(child, "SUCCEEDED", output=execute(child))
            except StateFailed as failure:
                self._end(child, "FAILED", error=failure.error, cause=failure.cause)
            on_change()

        pool = ThreadPoolExecutor(self.max_concurrency or max(1, len(self.children)))
        # Each child inherits the context of the request that started the run, such as the account.
        waiting = {
            pool.submit(contextvars.copy_context().run, work, child) for child in self.children
        }
        while waiting and status() == "RUNNING":
            ended, waiting = wait(waiting, timeout=_LOOK_SECONDS)
            for future in ended:
                future.result()
        ending = status()
        pool.shutdown(wait=False, cancel_futures=True)
        for child in self.children:
            self._end(child, "ABORTED")
        on_change()
        return "SUCCEEDED" if ending == "RUNNING" else ending

    def exceeds_tolerance(self) -> bool:
        """Whether more items failed than the tolerance, by default zero."""
        counts = self.item_counts()
        failed, total = counts["failed"], counts["total"]
        if self.tolerated_percentage is None and self.tolerated_count is None:
            return failed > 0
        too_many = self.tolerated_count is not None and failed > self.tolerated_count
        percentage = self.tolerated_percentage
        return too_many or (percentage is not None and 100 * failed > percentage * total)

    def item_counts(self) -> dict[str, int]:
        """Count the items by status, as DescribeMapRun does."""
        return self._counts(lambda child: child.items)

    def execution_counts(self) -> dict[str, int]:
        """Count the children by status, as DescribeMapRun does."""
        return self._counts(lambda _: 1)

    def _counts(self, weight: Callable[[Child], int]) -> dict[str, int]:
        by_status: Counter[str] = Counter()
        for child in self.children:
            by_status[child.status] += weight(child)
        total = by_status.total()
        return {
            **{name: by_status[status] for name, status in _COUNTED.items()},
            "total": total,
            "resultsWritten": total if self.results_written else 0,
            "failuresNotRedrivable": 0,
            "pendingRedrive": 0,
        }

    def _start(self, child: Child) -> None:
        with self._lock:
            child.status, child.started = "RUNNING", datetime.now(UTC)

    def _end(
        self, child: Child, status: str, *, output: Any = None, error: str = "", cause: str = ""
    ) -> None:
        """End *child* if it is running; anything it does afterwards is ignored."""
        with self._lock:
            if child.status == "RUNNING":
                child.status, child.stopped = status, datetime.now(UTC)
                child.output, child.error, child.cause = output, error, cause


def read_items(reader: Mapping[str, Any], s3: "S3Client") -> list[Any]:
    """Read the items of an ItemReader: a listing, or an S3 Inventory in CSV.

    Raises `StateFailed`, also for other readers that AWS supports and the project does not use.
    """
    settings, arguments = reader.get("ReaderConfig", {}), reader["Arguments"]
    kind = settings.get("InputType")
    items: Iterable[Any]
    try:
        if reader["Resource"].endswith(LIST_OBJECTS) and kind is None:
            items = map_items.listed(s3, arguments["Bucket"], arguments.get("Prefix", ""))
        elif reader["Resource"].endswith(GET_OBJECT) and kind == "MANIFEST":
            manifest = map_items.read_manifest(s3, arguments["Bucket"], arguments["Key"])
            items = map_items.inventoried(s3, manifest)
        else:
            raise StateFailed("States.ItemReaderFailed", f"the local cloud cannot read {reader}")
        return list(islice(items, settings.get("MaxItems")))
    except (ClientError, ValueError, KeyError) as error:
        raise StateFailed("States.ItemReaderFailed", str(error)) from error


def inputs(items: Sequence[Any], batcher: Mapping[str, Any] | None) -> list[tuple[Any, int]]:
    """Return the input of every child, with its number of items."""
    if batcher is None:
        return [(item, 1) for item in items]
    fixed = {"BatchInput": batcher["BatchInput"]} if "BatchInput" in batcher else {}
    size = batcher["MaxItemsPerBatch"]
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    return [({**fixed, "Items": batch}, len(batch)) for batch in batches]


def write_results(
    writer: Mapping[str, Any], run: MapRun, map_run_arn: str, s3: "S3Client"
) -> dict[str, str]:
    """Write the results of the children, and return the location of their manifest.

    Raises `StateFailed`, also for any format but the default, which the project does not use.
    """
    if "WriterConfig" in writer:
        raise StateFailed("States.ResultWriterFailed", f"the local cloud cannot write {writer}")
    bucket = writer["Arguments"]["Bucket"]
    folder = f"{writer['Arguments']['Prefix'].rstrip('/')}/{map_run_arn.rpartition(':')[2]}"
    files: dict[str, list[dict[str, Any]]] = {}
    try:
        for name, statuses in _FILES.items():
            children = [child for child in run.children if child.status in statuses]
            files[name] = []
            if children:
                body = json.dumps([_result(child) for child in children]).encode()
                key = f"{folder}/{name}_0.json"
                s3.put_object(Bucket=bucket, Key=key, Body=body)
                files[name].append({"Key": key, "Size": len(body)})
        manifest = {"DestinationBucket": bucket, "MapRunArn": map_run_arn, "ResultFiles": files}
        key = f"{folder}/manifest.json"
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode())
    except ClientError as error:
        raise StateFailed("States.ResultWriterFailed", str(error)) from error
    run.results_written = True
    return {"Bucket": bucket, "Key": key}


def _result(child: Child) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ExecutionArn": child.arn,
        "Input": json.dumps(child.input),
        "InputDetails": {"Included": True},
        "Name": child.arn.rpartition(":")[2],
        "StateMachineArn": child.machine_arn,
        "Status": child.status,
    }
    if child.started:
        result["StartDate"] = child.started.isoformat()
    if child.stopped:
        result["StopDate"] = child.stopped.isoformat()
    if child.status == "SUCCEEDED":
        result |= {"Output": json.dumps(child.output), "OutputDetails": {"Included": True}}
    if child.error:
        result |= {"Error": child.error, "Cause": child.cause}
    return result
