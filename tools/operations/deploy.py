"""Deploy to AWS: check the account, plan, ask, apply, and verify with a test upload."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pipeline.errors import PipelineError

from tools.command_line import parse
from tools.operations import trial
from tools.operations.doctor.account import Account, Unusable, find_account
from tools.operations.doctor.finding import report
from tools.operations.doctor.run import examine
from tools.operations.place import Place
from tools.operations.terminal import confirm, printable
from tools.operations.trial import TrialFailed
from tools.operations.upload import Pipeline, Upload
from tools.progress import Progress, applying
from tools.settings import SettingsError
from tools.subprocesses import CommandFailed, interruptible
from tools.terraform import Event, warnings

# Terraform's names of planned actions, and the words for existing resources.
_DONE = {"create": "create", "update": "change", "replace": "replace", "delete": "destroy"}

_URLS = {"page": "upload_api_endpoint", "cdn": "cdn_url", "dashboard": "dashboard_url"}


class NotDeployed(Exception):
    """Nothing was deployed, or only a part: the message says why."""


def deploy(place: Place, *, yes: bool) -> None:
    """Deploy from *place*, and verify with a test upload.

    Raises `NotDeployed`, `TrialFailed` or `Unusable`.
    """
    account = find_account(place.environment, may_be_local=place.is_local)
    terraform = place.terraform
    with Progress() as progress:
        progress.say("Terraform: init")
        terraform.init_once()
        progress.say("Examining the account")
        findings = list(examine(place, account))
    if findings:
        print(report(findings), end="\n\n")
    if any(finding.is_blocking for finding in findings):
        raise NotDeployed("Nothing was deployed.")
    events: list[Event] = []
    with Progress() as progress:
        show = applying(progress)

        def on_event(event: Event) -> None:
            events.append(event)
            show(event)

        changes = terraform.plan(on_event)
    print("\n".join(_planned(changes, warnings(events), account)))
    if _counted(changes) and not (yes or confirm(f"Apply this to {account}?")):
        raise NotDeployed("Nothing was deployed.")
    with Progress() as progress:
        # Also without a change of resources: a plan has new outputs and moved addresses, too.
        terraform.apply_plan(applying(progress))
    outputs = terraform.outputs()
    print(_tried_out(place, account, outputs))
    print("\n".join(_addresses(outputs)))


def _counted(changes: Sequence[Event]) -> Counter[str]:
    """Return how many resources will be created, changed, replaced and destroyed."""
    return Counter(_DONE[change["action"]] for change in changes if change["action"] in _DONE)


def _planned(changes: Sequence[Event], warned: Sequence[str], account: Account) -> Iterator[str]:
    """Yield what Terraform warns of, and what it will do."""
    yield from (f"note  {printable(warning)}" for warning in warned)
    counted = _counted(changes)
    if not counted:
        yield f"Everything is as it should be in {account}."
        return
    summary = ", ".join(f"{action} {number}" for action, number in counted.items())
    yield f"Terraform will {summary} in {account}."
    for change in changes:
        if change["action"] in _DONE and change["action"] != "create":
            yield f"  {_DONE[change['action']]:8} {change['resource']['addr']}"


def _tried_out(place: Place, account: Account, outputs: Mapping[str, Any]) -> str:
    values = place.settings.read(("trigger_prefix", "trigger_suffixes"), place.environment)
    with Progress() as progress:
        progress.say("Test upload")
        try:
            pipeline = Pipeline.of(outputs, account.aws)
            key = trial.key_for(
                values["trigger_prefix"], values["trigger_suffixes"], pipeline.settings
            )
            passed = trial.run(Upload(pipeline, key), wait=time.sleep)
        except (ClientError, BotoCoreError, PipelineError) as error:
            raise TrialFailed(f"The test upload was not possible: {error}.") from error
    images = f"{len(passed.images)} image{'s'[: len(passed.images) > 1]}"
    return f"A test upload became {images} in {passed.seconds:.1f} s and was deleted again."


def _addresses(outputs: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"  upload    {outputs['upload_command']}"
    yield f"  images    aws s3 ls --recursive s3://{outputs['processed_bucket']}/"
    for name, output in _URLS.items():
        if url := outputs.get(output):
            yield f"  {name:9} {url}"
    yield "  status    make status KEY=photo.jpg"
    yield "  log       make logs"
    yield "  failed    make redrive DRY_RUN=1"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parse(parser)
    with interruptible():
        try:
            deploy(Place(), yes=bool(arguments.yes))
        except Unusable as error:
            sys.exit(report([error.finding]))
        except TrialFailed as error:
            sys.exit(f"{printable(error)} It is deployed; `make logs` shows more.")
        except (CommandFailed, SettingsError, NotDeployed) as error:
            sys.exit(str(error))
