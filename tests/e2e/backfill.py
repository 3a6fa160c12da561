"""The deployed backfill, from a user's view."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3

from tests.e2e.conftest import Pipeline
from tools import ROOT, subprocesses

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef

INVENTORIES = "inventories"


class Backfill:
    """The backfill of *pipeline*, *beside* other parts, with the tool that `make backfill` runs."""

    def __init__(self, pipeline: Pipeline, **beside: Any) -> None:
        self.pipeline = pipeline
        self.machines = boto3.client("stepfunctions")
        self._file = pipeline.cloud.home / "backfill.json"
        self._s3 = pipeline.s3
        self.apply(**beside)

    def apply(self, **changes: Any) -> None:
        """Apply the pipeline with a backfill, and with *changes*."""
        backfill = {
            "batch_size": 5,  # ten take longer than the timeout on a busy machine
            "max_concurrency": 2,
            "inventory_bucket": {"arn": f"arn:aws:s3:::{INVENTORIES}"},
        }
        # A backfill starts when no run of older code can be left.
        self.outputs = self.pipeline.apply(backfill=backfill, **{"timeout_seconds": 15} | changes)
        self._file.write_text(json.dumps(self.outputs["backfill"]))

    def begin(self, *options: str, command: str = "backfill") -> subprocess.Popen[str]:
        """Start the tool."""
        return subprocess.Popen(
            [sys.executable, ROOT / "tools", command, "--deployment", str(self._file), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *options: str, status: int = 0) -> str:
        """Run the tool, which must exit with *status*, and return its output."""
        return ended(self.begin(*options), status=status)

    def prune(self, prefix: str, *options: str) -> str:
        """Run `prune`, and return its output."""
        return ended(self.begin("--prefix", prefix, *options, command="prune"), status=0)

    def make(self, *variables: str) -> str:
        """Run `make backfill` with *variables*, and return its output."""
        return subprocesses.run(
            *("make", "backfill", f"DEPLOYMENT={self._file}", *variables),
            environment=os.environ,
            folder=ROOT,
        )

    @contextmanager
    def without_trigger(self) -> Iterator[None]:
        """Disable the trigger inside the block."""
        bucket = self.outputs["source_bucket"]
        response = self._s3.get_bucket_notification_configuration(Bucket=bucket)
        found: Any = {name: value for name, value in response.items() if name != "ResponseMetadata"}
        self._s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        yield
        self._s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration=found
        )

    def put(self, files: Mapping[str, bytes]) -> None:
        """Put *files* into the source bucket without triggering the function."""
        with self.without_trigger():
            for key, body in files.items():
                self._s3.put_object(Bucket=self.outputs["source_bucket"], Key=key, Body=body)

    def images(self, *prefixes: str) -> dict[str, "ObjectTypeDef"]:
        """Return the objects of the processed bucket under *prefixes*, by key."""
        pages = self._s3.get_paginator("list_objects_v2")
        return {
            entry["Key"]: entry
            for prefix in prefixes
            for page in pages.paginate(Bucket=self.outputs["processed_bucket"], Prefix=prefix)
            for entry in page.get("Contents", [])
        }

    def published(self, prefix: str) -> list[str]:
        """Return the source keys under *prefix* that the metric Published counts, one for each."""
        messages = self._messages()
        lines = [line for line in messages if line.get("message") == "published"]
        # Every line is followed by its metrics.
        counted = sum(line.get("Published", [0])[0] for line in messages if "_aws" in line)
        assert counted == len(lines)
        keys = [line["source"]["key"] for line in lines]
        return [key for key in keys if key.startswith(prefix)]

    def _messages(self) -> list[dict[str, Any]]:
        pages = self.pipeline.logs.get_paginator("filter_log_events")
        events = [
            event["message"]
            for page in pages.paginate(logGroupName=self.outputs["log_group"])
            for event in page["events"]
        ]
        return [json.loads(event) for event in events if event.startswith("{")]


def ended(tool: subprocess.Popen[str], *, status: int) -> str:
    """Wait for *tool*, which must exit with *status*, and return its output."""
    with tool:
        output, _ = tool.communicate()
    assert tool.returncode == status, output
    return output
