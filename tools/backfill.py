"""Have what lies in the source bucket processed: look, say what it costs, ask, start, and watch."""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from asking import agreed
from backfilling import deployment, estimate, results, survey
from backfilling.deployment import BackfillError, Deployment
from backfilling.results import Results
from backfilling.survey import Found
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from progress import Progress
from terraform import ROOT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

LISTS = ROOT / "build" / "backfill"

_LOOK_SECONDS = 1
_PATIENCE_SECONDS = 30
_CLIENT_CONFIG = Config(retries={"mode": "standard"}, max_pool_connections=survey.READERS)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to process: what is under *prefix*, perhaps as the inventory at *manifest* has it."""

    prefix: str
    manifest: Mapping[str, str] | None

    def input(self, max_objects: int) -> str:
        """Return the input of an execution that reads *max_objects* objects and not one more."""
        manifest = {"manifest": self.manifest} if self.manifest else {}
        return json.dumps({"prefix": self.prefix, "max_objects": max_objects, **manifest})


class Executions:
    """The executions of the state machine. One runs at a time."""

    def __init__(self, machines: "SFNClient", state_machine_arn: str) -> None:
        self._machines = machines
        self._arn = state_machine_arn

    def running(self) -> str | None:
        """Return the one that runs, if there is one."""
        answer = self._machines.list_executions(
            stateMachineArn=self._arn, statusFilter="RUNNING", maxResults=1
        )
        return next((each["executionArn"] for each in answer["executions"]), None)

    def start(self, given: str) -> str:
        answer = self._machines.start_execution(stateMachineArn=self._arn, input=given)
        return answer["executionArn"]

    def stop(self, execution: str) -> None:
        self._machines.stop_execution(executionArn=execution, cause="make backfill STOP=1")

    def watch(self, execution: str, progress: Progress) -> str:
        """Show how far *execution* is until it ends, and return its status, with the error if any.

        Raises nothing if it fails.
        """
        while True:
            answer = self._machines.describe_execution(executionArn=execution)
            if answer["status"] != "RUNNING":
                return f"{answer['status']} {answer.get('error', '')}".strip()
            progress.say(self._counted(execution))
            time.sleep(_LOOK_SECONDS)

    def _counted(self, execution: str) -> str:
        runs = self._machines.list_map_runs(executionArn=execution)["mapRuns"]
        if not runs:
            return "Backfill: starting"
        counts = self._machines.describe_map_run(mapRunArn=runs[0]["mapRunArn"])["itemCounts"]
        failed = counts["failed"] + counts["timedOut"] + counts["aborted"]
        done = f"Backfill: {counts['succeeded']:,} of {counts['total']:,} objects"
        return f"{done}, {failed:,} failed" if failed else done


def order(deployed: Deployment, *, prefix: str, manifest: str | None) -> Order:
    """Return the order for *prefix*, and for the address of a manifest.json if there is one."""
    return Order(
        prefix=survey.narrowed(prefix, deployed.prefix),
        manifest=_place(deployed, manifest) if manifest else None,
    )


def prepare(
    deployed: Deployment,
    ordered: Order,
    executions: Executions,
    machines: "SFNClient",
    *,
    dry_run: bool,
    yes: bool,
) -> str | None:
    """Say what there is to do and what it costs; return the execution, if one is started."""
    limits = deployment.limits(machines, deployed.state_machine_arn)
    s3 = boto3.client("s3", config=_CLIENT_CONFIG)
    with Progress() as progress:
        progress.say("Looking what is there")
        found = _found(s3, deployed, ordered)
        progress.say(f"Looking what is up to date of {found.sources:,}")
        surveyed = survey.survey(
            s3,
            found,
            deployed,
            recipe=survey.recipe(boto3.client("lambda"), deployed.function_name),
            reviewed_only=limits.reviewed_only,
        )
    print(f"Backfill of s3://{deployed.source_bucket}/{ordered.prefix}\n")
    print("\n".join(estimate.report(surveyed, deployed, limits)))
    if surveyed.is_exact and not surveyed.to_make:
        print("\nThere is nothing to do.")
        return None
    if dry_run or not (yes or agreed(f"\nMake {surveyed.to_make:,} of them?")):
        return None
    return executions.start(ordered.input(estimate.most_objects(surveyed)))


def follow(deployed: Deployment, executions: Executions, execution: str) -> bool:
    """Watch *execution* to its end, tell what came of it, and return whether all is done."""
    with Progress() as progress:
        ended = executions.watch(execution, progress)
    name = execution.rpartition(":")[2]
    found = _results(deployed, name, patiently=ended != "SUCCEEDED")
    if ended != "SUCCEEDED":
        print(f"It ended as {ended}.")
    if found is None:
        print("It left no results. Run it again: what is done is passed over.")
        return False
    print("\n".join(results.report(found)))
    if details := list(results.lines(found)):
        LISTS.mkdir(parents=True, exist_ok=True)
        file = LISTS / f"{name}.jsonl"
        file.write_text("".join(f"{line}\n" for line in details))
        print(f"All that somebody has to look at: {os.path.relpath(file)}")
    return ended == "SUCCEEDED" and found.is_complete


def _found(s3: "S3Client", deployed: Deployment, ordered: Order) -> Found:
    if ordered.manifest:
        found = survey.inventory(s3, deployed, ordered.prefix, **ordered.manifest)
    else:
        found = survey.listing(s3, deployed, ordered.prefix)
    if not found.sources:
        raise BackfillError(
            f"There is nothing for the pipeline under s3://{deployed.source_bucket}/"
            f"{ordered.prefix}, only {found.objects:,} other objects."
        )
    return found


def _results(deployed: Deployment, name: str, *, patiently: bool) -> Results | None:
    """Return the results of the execution *name*; after a stop they may come a little later."""
    s3 = boto3.client("s3", config=_CLIENT_CONFIG)
    deadline = time.monotonic() + (_PATIENCE_SECONDS if patiently else 0)
    while True:
        found = results.read(s3, deployed.processed_bucket, f"{deployed.results_prefix}{name}/")
        if found or time.monotonic() >= deadline:
            return found
        time.sleep(_LOOK_SECONDS)


def _place(deployed: Deployment, address: str) -> dict[str, str]:
    parts = urlsplit(address)
    if parts.scheme != "s3" or not parts.path.endswith("/manifest.json"):
        raise BackfillError(f"{address} is not s3://bucket/…/manifest.json.")
    if parts.netloc != deployed.inventory_bucket:
        raise BackfillError(
            f"The state machine may not read {parts.netloc}: apply backfill ="
            f' {{ inventory_bucket = {{ arn = "arn:aws:s3:::{parts.netloc}" }} }} first.'
        )
    return {"bucket": parts.netloc, "key": parts.path.lstrip("/")}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefix", default="", help="beginning of the keys; default: all")
    parser.add_argument("--manifest", help="s3://…/manifest.json of an S3 Inventory in CSV")
    parser.add_argument("--dry-run", action="store_true", help="only look, and say what it costs")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--stop", action="store_true", help="stop the one that runs")
    parser.add_argument("--deployment", type=Path, help="file with Terraform's output `backfill`")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> bool:
    """Do what the command line says, and return whether all is well."""
    deployed = deployment.read(arguments.deployment)
    machines = boto3.client("stepfunctions", config=_CLIENT_CONFIG)
    executions = Executions(machines, deployed.state_machine_arn)
    execution = executions.running()
    if arguments.stop:
        if execution is None:
            raise BackfillError("No backfill is running.")
        executions.stop(execution)
        print("Stopped. What is done stays, and is passed over when it is run again.")
        return True
    ordered = order(deployed, prefix=arguments.prefix, manifest=arguments.manifest)
    if execution:
        print("A backfill is running already.")
    if execution is None or arguments.dry_run:
        execution = prepare(
            deployed,
            ordered,
            executions,
            machines,
            dry_run=arguments.dry_run,
            yes=arguments.yes,
        )
    return execution is None or follow(deployed, executions, execution)


def main() -> None:
    """Read the command line and do what it says."""
    try:
        if not _run(_arguments()):
            sys.exit(1)
    except (BackfillError, ClientError, BotoCoreError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(
            "\nWhat was started goes on: the same command watches it again, and"
            " `make backfill STOP=1` stops it."
        )


if __name__ == "__main__":
    main()
