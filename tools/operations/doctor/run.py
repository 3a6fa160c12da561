"""Report everything that would make a deployment fail, each with the command that fixes it."""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from tools.command_line import parse
from tools.operations.doctor import bucket_events, bucket_keys, names, programs, quotas
from tools.operations.doctor.account import Account, Unusable, find_account, two_regions
from tools.operations.doctor.asking import ask
from tools.operations.doctor.finding import Finding, report
from tools.operations.doctor.names import Bucket
from tools.operations.place import Place
from tools.settings import SettingsError, declared_in
from tools.subprocesses import CommandFailed, interruptible
from tools.terraform import program

_READ = (
    *("name", "bucket_prefix", "source_bucket_name", "processed_bucket_name"),
    *("existing_source_bucket", "existing_processed_bucket"),
    *("memory_mb", "reserved_concurrency", "kms_key"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is examined: an account and the planned deployment.

    *resources* are those that Terraform has applied so far, perhaps not all of them.
    """

    account: Account
    place: Place
    values: Mapping[str, Any]
    resources: Sequence[Mapping[str, Any]]

    def has(self, kind: str, attribute: str, value: str) -> bool:
        """Whether Terraform has applied a resource of *kind* with this value."""
        return any(
            resource["type"] == kind and resource["values"].get(attribute) == value
            for resource in self.resources
        )


Check = Callable[[Patient], Iterator[Finding]]


def examine(place: Place, account: Account | None = None) -> Iterator[Finding]:
    """Yield every finding; a missing permission to check something is one as well."""
    settings = place.settings
    try:
        settings.values(place.environment, declared_in(place.folder))
        values = settings.read(_READ, place.environment)
    except (CommandFailed, SettingsError) as error:
        said = error.output if isinstance(error, CommandFailed) else str(error)
        files = " ".join(shlex.quote(file) for file in settings.file_names())
        fix = f"$EDITOR {files or 'terraform.tfvars'}"
        yield Finding(problem=" ".join(said.split()), fix=fix)
        return
    has_key = values["kms_key"] is not None
    yield from programs.findings(place.terraform, place.environment, has_key=has_key)
    if disagreement := two_regions(place.environment):
        yield disagreement
    try:
        account = account or find_account(place.environment, may_be_local=place.is_local)
    except Unusable as error:
        yield error.finding
        return
    try:
        resources = place.terraform.resources()
    except CommandFailed as failure:
        yield Finding(
            problem=f"What is deployed cannot be read: {_first_line(failure)}",
            fix=f"{program(place.environment)} init",
            is_blocking=False,
        )
        return
    yield from ask_aws(Patient(account=account, place=place, values=values, resources=resources))


def ask_aws(patient: Patient) -> Iterator[Finding]:
    """Yield the findings from AWS, and one for everything that may not be read."""
    return ask([partial(check, patient) for check in CHECKS], patient.account.arn)


def elsewhere(
    resources: Sequence[Mapping[str, Any]], account: Account, command: str
) -> Iterator[Finding]:
    """Yield a finding if the existing deployment is in another account or region."""
    for resource in resources:
        # The ARNs of buckets and roles have no region, and "PendingConfirmation" is none.
        _, _, _, region, owner, *_ = f"{resource['values'].get('arn') or ''}::::".split(":")
        if region and owner and (owner, region) != (account.id, account.region):
            yield Finding(
                problem=f"What was deployed from here is in account {owner} in {region}, and this"
                f" shell means {account}.",
                fix=f"{command} workspace new another # or sign in to that account and region",
            )
            return


def _of_state(patient: Patient) -> Iterator[Finding]:
    return elsewhere(patient.resources, patient.account, program(patient.place.environment))


def _of_quotas(patient: Patient) -> Iterator[Finding]:
    return quotas.findings(
        patient.account.aws.client("lambda"),
        patient.place.settings,
        name=patient.values["name"],
        memory_mb=patient.values["memory_mb"],
        reserved=patient.values["reserved_concurrency"],
    )


def _of_buckets(patient: Patient) -> Iterator[Finding]:
    wanted = [
        bucket
        for bucket in _buckets(patient)
        if not patient.has("aws_s3_bucket", "bucket", bucket.name)
    ]
    s3 = patient.account.aws.client("s3")
    return names.of_buckets(s3, patient.account.id, patient.place.settings, wanted)


def _buckets(patient: Patient) -> Iterator[Bucket]:
    """Yield the buckets to create, with the names that main.tf gives them."""
    prefix = patient.values["bucket_prefix"] or patient.values["name"]
    for role in ("source", "processed"):
        if patient.values[f"existing_{role}_bucket"]:
            continue
        if given := patient.values[f"{role}_bucket_name"]:
            yield Bucket(name=given, variable=f"{role}_bucket_name", another=f"{given}-2")
        else:
            name = f"{prefix}-{role}-{patient.account.id}"
            yield Bucket(name=name, variable="bucket_prefix", another=f"{prefix}-2")


def _of_role(patient: Patient) -> Iterator[Finding]:
    if not patient.has("aws_iam_role", "name", patient.values["name"]):
        iam = patient.account.aws.client("iam")
        yield from names.of_role(iam, patient.place.settings, patient.values["name"])


def _existing(patient: Patient) -> dict[str, str]:
    """Return the existing buckets by their variables."""
    variables = ("existing_source_bucket", "existing_processed_bucket")
    return {name: bucket for name in variables if (bucket := patient.values[name])}


def _of_existing_buckets(patient: Patient) -> Iterator[Finding]:
    s3 = patient.account.aws.client("s3")
    return names.of_existing(s3, patient.account.id, _existing(patient))


def _of_keys(patient: Patient) -> Iterator[Finding]:
    s3 = patient.account.aws.client("s3")
    known = (patient.values["kms_key"] or {}).get("arn")
    with suppress(s3.exceptions.NoSuchBucket):  # the finding of another check
        buckets = dict.fromkeys(_existing(patient).values())
        yield from bucket_keys.findings(s3, patient.place.settings, buckets, known=known)


def _of_events(patient: Patient) -> Iterator[Finding]:
    s3, bucket = patient.account.aws.client("s3"), patient.values["existing_source_bucket"]
    with suppress(s3.exceptions.NoSuchBucket):  # the finding of another check
        if bucket:
            yield from bucket_events.findings(s3, bucket)


CHECKS: tuple[Check, ...] = (
    *(_of_state, _of_quotas, _of_buckets, _of_role),
    *(_of_existing_buckets, _of_events, _of_keys),
)


def _first_line(failure: CommandFailed) -> str:
    return next((line for line in failure.output.splitlines() if line.strip()), str(failure))


def main() -> None:
    """Run from the command line."""
    parse(argparse.ArgumentParser(description=__doc__))
    place = Place()
    with interruptible():
        findings = list(examine(place))
    if findings:
        print(report(findings))
    if any(finding.is_blocking for finding in findings):
        sys.exit("\nA deployment would fail.")
    print("\nNothing stops a deployment.")
