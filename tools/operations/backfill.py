"""Process existing objects: list them, estimate the cost, ask, start the workflow and watch it."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from tools import ROOT
from tools.command_line import parse
from tools.operations import deployment, estimate, results, scan
from tools.operations.deployment import BackfillError, Deployment
from tools.operations.executions import CLIENT_CONFIG, Begun, Executions, results_of
from tools.operations.failure import Unreadable, read
from tools.operations.queue import HeldMessages
from tools.operations.regions import session
from tools.operations.results import Results
from tools.operations.scan import Found
from tools.operations.terminal import confirm, printable
from tools.progress import Progress

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

LISTS = ROOT / "build" / "backfill"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to process: the objects under *prefix*, listed or from the inventory at *manifest*."""

    prefix: str
    manifest: Mapping[str, str] | None

    def input(self, max_objects: int) -> str:
        """Return the input of an execution that reads at most *max_objects* objects."""
        manifest = {"manifest": self.manifest} if self.manifest else {}
        return json.dumps({"prefix": self.prefix, "max_objects": max_objects, **manifest})


def order(deployed: Deployment, *, prefix: str, manifest: str | None) -> Order:
    """Return the order for *prefix* and, if given, the address of a manifest.json."""
    return Order(
        prefix=scan.narrowed(prefix, deployed.prefix),
        manifest=_place(deployed, manifest) if manifest else None,
    )


def prepare(
    deployed: Deployment,
    ordered: Order,
    executions: Executions,
    aws: "boto3.Session",
    *,
    dry_run: bool,
    yes: bool,
) -> str | None:
    """Print the work and its cost; return the execution if the operator starts one."""
    s3 = aws.client("s3", config=CLIENT_CONFIG)
    with Progress() as progress:
        progress.say("Listing the source bucket")
        found = _found(s3, deployed, ordered)
    print(f"Backfill of s3://{deployed.source_bucket}/{printable(ordered.prefix)}\n")
    print("\n".join(estimate.report(found, deployed)))
    if dry_run or not (yes or confirm(f"\nProcess {found.sources:,} sources?")):
        return None
    _await_old_code(aws, deployed)
    return executions.start(ordered.input(estimate.most_objects(found)))


def follow(
    deployed: Deployment, executions: Executions, aws: "boto3.Session", execution: str
) -> bool:
    """Watch *execution* until it ends, print its results, and return whether all is done."""
    with Progress() as progress:
        ended = executions.watch(execution, progress)
    name = execution.rpartition(":")[2]
    found = results_of(aws, deployed, execution, patiently=ended != "SUCCEEDED")
    if ended != "SUCCEEDED":
        print(f"It ended as {ended}.")
    if found is None:
        print("It left no results. Run it again: finished objects are skipped.")
        return False
    print("\n".join(results.report(found)))
    _print_resolved(deployed, executions.begun(execution), aws, found)
    if details := list(results.lines(found)):
        LISTS.mkdir(parents=True, exist_ok=True)
        file = LISTS / f"{name}.jsonl"
        file.write_text("".join(f"{line}\n" for line in details))
        print(f"Objects that need attention: {os.path.relpath(file)}")
    return ended == "SUCCEEDED" and found.is_complete


def _print_resolved(
    deployed: Deployment, begun: Begun, aws: "boto3.Session", found: Results
) -> None:
    try:
        keys = sorted(set(resolved(deployed, begun, aws, found)))
    except (ClientError, BotoCoreError) as error:
        print(f"The failure queue cannot be read: {printable(error)}")
        return
    if keys:
        print(f"{len(keys):,} on the failure queue resolved: {results.some(keys)}")
        print("`make redrive` takes them off the queue.")


def resolved(
    deployed: Deployment, begun: Begun, aws: "boto3.Session", found: Results
) -> Iterator[str]:
    """Yield the key of each source that failed before this backfill and is processed now.

    Sources of an inventory or a failed batch are left out: they may not have been processed.
    """
    if begun.manifest or not found.is_complete:
        return
    left = {each["key"] for each in found.rejections} | set(found.unreviewed)
    s3 = aws.client("s3", config=CLIENT_CONFIG)
    with HeldMessages(
        session(deployed.failure_queue_url).client("sqs"), deployed.failure_queue_url
    ) as held:
        held.receive()
        for message in held.messages.values():
            with suppress(Unreadable):
                failure = read(message)
                if datetime.fromisoformat(failure.time) > begun.at:
                    continue
                for bucket, key in filter(None, failure.objects):
                    is_ours = bucket == deployed.source_bucket and key.startswith(begun.prefix)
                    if is_ours and key not in left and scan.exists(s3, bucket, key):
                        yield key


def _await_old_code(aws: "boto3.Session", deployed: Deployment) -> None:
    """Wait until no invocation of the previous code can overwrite new images."""
    function = aws.client("lambda", config=CLIENT_CONFIG).get_function_configuration(
        FunctionName=deployed.function_name
    )
    updated_at = datetime.fromisoformat(function["LastModified"])
    age = (datetime.now(UTC) - updated_at).total_seconds()
    if age < deployed.timeout_seconds:
        wait = deployed.timeout_seconds - age
        print(f"The function was updated {age:,.0f} s ago; older runs may take {wait:,.0f} s more.")
        time.sleep(wait)


def _found(s3: "S3Client", deployed: Deployment, ordered: Order) -> Found:
    if ordered.manifest:
        found = scan.inventory(s3, deployed, ordered.prefix, **ordered.manifest)
    else:
        found = scan.listing(s3, deployed, ordered.prefix)
    if not found.sources:
        raise BackfillError(
            f"There is nothing for the pipeline under s3://{deployed.source_bucket}/"
            f"{ordered.prefix}, only {found.objects:,} other objects."
        )
    return found


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
    parser.add_argument("--dry-run", action="store_true", help="only estimate the cost")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--stop", action="store_true", help="stop the running backfill")
    parser.add_argument("--deployment", type=Path, help="file with Terraform's output `backfill`")
    return parse(parser)


def _run(arguments: argparse.Namespace) -> bool:
    """Run the command, and return whether it succeeded."""
    deployed = deployment.backfill_deployment(arguments.deployment)
    aws = session(deployed.state_machine_arn)
    machines = aws.client("stepfunctions", config=CLIENT_CONFIG)
    executions = Executions(machines, deployed.state_machine_arn)
    execution = executions.running()
    if arguments.stop:
        if execution is None:
            raise BackfillError("No backfill is running.")
        executions.stop(execution)
        print("Stopped. Finished objects stay, and the next run skips them.")
        return True
    ordered = order(deployed, prefix=arguments.prefix, manifest=arguments.manifest)
    if execution:
        print("A backfill is running already.")
    if execution is None or arguments.dry_run:
        execution = prepare(
            deployed,
            ordered,
            executions,
            aws,
            dry_run=arguments.dry_run,
            yes=arguments.yes,
        )
    return execution is None or follow(deployed, executions, aws, execution)


def main() -> None:
    """Run from the command line."""
    try:
        if not _run(_arguments()):
            sys.exit(1)
    except (BackfillError, ClientError, BotoCoreError) as error:
        sys.exit(printable(error))
    except KeyboardInterrupt:
        sys.exit(
            "\nThe backfill continues: the same command watches it again, and"
            " `make backfill STOP=1` stops it."
        )
