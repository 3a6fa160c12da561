"""Run executions of the backfill's state machine, watch them, and read their results."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.config import Config

from tools.operations import results
from tools.operations.deployment import Deployment
from tools.operations.results import Results
from tools.operations.terminal import printable
from tools.progress import Progress

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_stepfunctions import SFNClient

_LOOK_SECONDS = 1
_PATIENCE_SECONDS = 30
CLIENT_CONFIG = Config(retries={"mode": "standard"})


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A started execution: its prefix and its start time."""

    at: datetime
    prefix: str
    manifest: Mapping[str, str] | None


class Executions:
    """The executions of the state machine. One runs at a time."""

    def __init__(self, machines: "SFNClient", state_machine_arn: str) -> None:
        self._machines = machines
        self._arn = state_machine_arn

    def running(self) -> str | None:
        """Return the running execution, if any."""
        response = self._machines.list_executions(
            stateMachineArn=self._arn, statusFilter="RUNNING", maxResults=1
        )
        return next((each["executionArn"] for each in response["executions"]), None)

    def start(self, given: str) -> str:
        response = self._machines.start_execution(stateMachineArn=self._arn, input=given)
        return response["executionArn"]

    def begun(self, execution: str) -> Begun:
        response = self._machines.describe_execution(executionArn=execution)
        given = json.loads(response["input"])
        return Begun(
            at=response["startDate"], prefix=given["prefix"], manifest=given.get("manifest")
        )

    def stop(self, execution: str) -> None:
        self._machines.stop_execution(executionArn=execution, cause="make backfill STOP=1")

    def watch(self, execution: str, progress: Progress, *, what: str = "Backfill") -> str:
        """Show the progress of *execution* until it ends; return its status, with the error if any.

        Raises nothing if it fails.
        """
        while True:
            response = self._machines.describe_execution(executionArn=execution)
            if response["status"] != "RUNNING":
                return printable(f"{response['status']} {response.get('error', '')}".strip())
            progress.say(f"{what}: {self._counted(execution)}")
            time.sleep(_LOOK_SECONDS)

    def _counted(self, execution: str) -> str:
        runs = self._machines.list_map_runs(executionArn=execution)["mapRuns"]
        if not runs:
            return "starting"
        counts = self._machines.describe_map_run(mapRunArn=runs[0]["mapRunArn"])["itemCounts"]
        failed = counts["failed"] + counts["timedOut"] + counts["aborted"]
        done = f"{counts['succeeded']:,} of {counts['total']:,} objects"
        return f"{done}, {failed:,} failed" if failed else done


def results_of(
    aws: "boto3.Session", deployed: Deployment, execution: str, *, patiently: bool
) -> Results | None:
    """Return the results of *execution*; after a stop they may take a moment to appear."""
    name = execution.rpartition(":")[2]
    s3 = aws.client("s3", config=CLIENT_CONFIG)
    deadline = time.monotonic() + (_PATIENCE_SECONDS if patiently else 0)
    while True:
        found = results.read(s3, deployed.processed_bucket, f"{deployed.results_prefix}{name}/")
        if found or time.monotonic() >= deadline:
            return found
        time.sleep(_LOOK_SECONDS)
