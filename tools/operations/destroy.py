"""Destroy a deployment on AWS: show its data, ask, and destroy."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.command_line import parse
from tools.operations.doctor.account import Unusable, find_account
from tools.operations.doctor.finding import report
from tools.operations.doctor.run import elsewhere
from tools.operations.holdings import holdings
from tools.operations.place import Place
from tools.operations.terminal import confirm, printable
from tools.progress import Progress, applying
from tools.subprocesses import CommandFailed, interruptible
from tools.terraform import program

_LET_GO = """
Nothing was touched. To delete what is kept along with the rest, first say so in the settings, with
force_destroy = true and metadata.deletion_protection = false, and `make deploy`; then try again."""


class NotDestroyed(Exception):
    """Nothing was destroyed: the message says why."""


def destroy(place: Place, *, yes: bool) -> None:
    """Destroy the deployment of *place*. Raises `NotDestroyed` or `Unusable`."""
    account = find_account(place.environment, may_be_local=place.is_local)
    terraform = place.terraform
    with Progress() as progress:
        progress.say("Terraform: init")
        terraform.init_once()
        resources = terraform.resources()
    if not resources:
        raise NotDestroyed("Nothing is deployed from here.")
    for finding in elsewhere(resources, account, program(place.environment)):
        raise Unusable(finding)
    held = list(holdings(iter(resources), account.aws))
    print(f"{len(resources)} resources in {account} would be destroyed. They hold:\n")
    print("\n".join(f"  {one}" for one in held))
    if existing := _existing_buckets(resources, terraform.outputs()):
        print(f"\nExisting buckets stay as they are: {', '.join(existing)}")
    if any(one.is_kept and not one.is_empty for one in held):
        raise NotDestroyed(_LET_GO)
    if not (yes or confirm(f"\nDestroy all of it in {account}?")):
        raise NotDestroyed("Nothing was destroyed.")
    with Progress() as progress:
        terraform.destroy(applying(progress))
    print("It is destroyed.")


def _existing_buckets(
    resources: Sequence[Mapping[str, Any]], outputs: Mapping[str, Any]
) -> list[str]:
    """Return the buckets that the deployment uses, but that are not its own."""
    own = {one["values"]["bucket"] for one in resources if one["type"] == "aws_s3_bucket"}
    # A destroy that was stopped has no outputs any more.
    used = {outputs[name] for name in ("source_bucket", "processed_bucket") if name in outputs}
    return sorted(used - own)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parse(parser)
    with interruptible():
        try:
            destroy(Place(), yes=bool(arguments.yes))
        except Unusable as error:
            sys.exit(report([error.finding]))
        except (ClientError, BotoCoreError) as error:
            sys.exit(printable(error))
        except (CommandFailed, NotDestroyed) as error:
            sys.exit(str(error))
