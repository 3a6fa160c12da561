"""Delete processed images that no current variant produces: count, ask, and delete."""

import argparse
import json
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tools.command_line import parse
from tools.operations import deployment, results, scan
from tools.operations.deployment import BackfillError, Deployment
from tools.operations.executions import CLIENT_CONFIG, Executions, results_of
from tools.operations.regions import session
from tools.operations.results import Results
from tools.operations.terminal import confirm, printable
from tools.progress import Progress


def prune(
    deployed: Deployment,
    executions: Executions,
    aws: boto3.Session,
    *,
    prefix: str,
    gone: bool,
    dry_run: bool,
    yes: bool,
) -> bool:
    """Check every processed image, ask, and delete; return whether all were checked."""
    found = _run(deployed, executions, aws, prefix=prefix, gone=gone, dry_run=True)
    if found is None:
        return False
    stale = found.statuses["stale"] + (found.statuses["gone"] if gone else 0)
    print("\n".join(results.report(found)))
    if not stale:
        print("There is nothing to delete.")
        return found.is_complete
    if dry_run or not (yes or confirm(f"\nDelete {stale:,} of them?")):
        return found.is_complete
    done = _run(deployed, executions, aws, prefix=prefix, gone=gone, dry_run=False)
    if done is None:
        return False
    print("\n".join(results.report(done)))
    return done.is_complete


def _run(
    deployed: Deployment,
    executions: Executions,
    aws: boto3.Session,
    *,
    prefix: str,
    gone: bool,
    dry_run: bool,
) -> Results | None:
    """Run the state machine over the processed bucket, and return its results."""
    s3 = aws.client("s3", config=CLIENT_CONFIG)
    objects = scan.objects(s3, deployed.processed_bucket, prefix)
    if not objects:
        print(f"There is nothing under s3://{deployed.processed_bucket}/{printable(prefix)}.")
        return Results()
    order = {
        "prefix": prefix,
        "max_objects": objects + max(100, objects // 100),
        "prune": {"dry_run": dry_run, "gone": gone},
    }
    execution = executions.start(json.dumps(order))
    with Progress() as progress:
        ended = executions.watch(execution, progress, what="Prune")
    found = results_of(aws, deployed, execution, patiently=ended != "SUCCEEDED")
    if ended != "SUCCEEDED":
        print(f"It ended as {ended}. Run it again: finished objects are skipped.")
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefix", default="", help="beginning of the processed keys; all")
    parser.add_argument("--gone", action="store_true", help="also images whose source is missing")
    parser.add_argument("--dry-run", action="store_true", help="only count")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--deployment", type=Path, help="file with Terraform's output `backfill`")
    return parse(parser)


def main() -> None:
    """Run from the command line."""
    arguments = _arguments()
    try:
        deployed = deployment.backfill_deployment(arguments.deployment)
        aws = session(deployed.state_machine_arn)
        machines = aws.client("stepfunctions", config=CLIENT_CONFIG)
        executions = Executions(machines, deployed.state_machine_arn)
        if executions.running():
            sys.exit("A backfill or a prune is running: wait until it has ended.")
        is_complete = prune(
            deployed,
            executions,
            aws,
            prefix=arguments.prefix,
            gone=arguments.gone,
            dry_run=arguments.dry_run,
            yes=arguments.yes,
        )
    except (BackfillError, ClientError, BotoCoreError) as error:
        sys.exit(printable(error))
    except KeyboardInterrupt:
        sys.exit("\nThe state machine continues; `make backfill STOP=1` stops it.")
    if not is_complete:
        sys.exit(1)
