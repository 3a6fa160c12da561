"""Let AWS validate state machines, policies and quotas, free and without resources."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tools.build.planned import Resource, planned
from tools.command_line import parse
from tools.operations.doctor import quotas
from tools.operations.doctor.account import Account, Unusable, find_account
from tools.operations.doctor.asking import ask
from tools.operations.doctor.finding import Finding, report
from tools.operations.place import Place
from tools.progress import Progress
from tools.settings import SettingsError
from tools.subprocesses import CommandFailed, interruptible

if TYPE_CHECKING:
    from mypy_boto3_accessanalyzer import AccessAnalyzerClient
    from mypy_boto3_stepfunctions import SFNClient

FILES = ("every_part",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy document, and its type in Access Analyzer."""

    address: str
    document: str
    kind: str
    resource_type: str | None


# The attribute of a resource with the policy, the type of policy, and the type of resource.
# https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ValidatePolicy.html
_POLICIES = {
    "aws_iam_role": (
        *("assume_role_policy", "RESOURCE_POLICY"),
        "AWS::IAM::AssumeRolePolicyDocument",
    ),
    "aws_iam_role_policy": ("policy", "IDENTITY_POLICY", None),
    "aws_s3_bucket_policy": ("policy", "RESOURCE_POLICY", "AWS::S3::Bucket"),
    "aws_sqs_queue_policy": ("policy", "RESOURCE_POLICY", None),
    "aws_sns_topic_policy": ("policy", "RESOURCE_POLICY", None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A state machine's definition."""

    address: str
    definition: str
    type: str


def machines(resources: Iterable[Resource]) -> dict[str, Machine]:
    """Return the state machines among planned *resources*, each definition once."""
    found = {}
    for resource in resources:
        if resource["type"] == "aws_sfn_state_machine":
            values = resource["change"]["after"]
            found[values["definition"]] = Machine(
                address=resource["address"],
                definition=values["definition"],
                type=values["type"],
            )
    return found


def policies(resources: Iterable[Resource]) -> dict[str, Policy]:
    """Return the policies among planned *resources*, each document once."""
    found = {}
    for resource in resources:
        if resource["type"] in _POLICIES:
            attribute, kind, resource_type = _POLICIES[resource["type"]]
            document = resource["change"]["after"][attribute]
            found[document] = Policy(
                address=resource["address"],
                document=document,
                kind=kind,
                resource_type=resource_type,
            )
    return found


def check_machine(client: "SFNClient", machine: Machine) -> Iterator[Finding]:
    """Yield the findings of Step Functions about *machine*."""
    response = client.validate_state_machine_definition(
        definition=machine.definition,
        type=machine.type,  # type: ignore[arg-type]  # Terraform uses the same two words
        severity="WARNING",
        maxResults=100,
    )
    for found in response["diagnostics"]:
        yield Finding(
            problem=f"{machine.address}: {found['code']}: {found['message']}"
            f" ({found.get('location', '')})",
            fix=f"$EDITOR {_file(machine.address)}",
            is_blocking=found["severity"] == "ERROR",
        )


def check_policy(client: "AccessAnalyzerClient", policy: Policy) -> Iterator[Finding]:
    """Yield the findings of Access Analyzer about *policy*."""
    request: dict[str, Any] = {"policyDocument": policy.document, "policyType": policy.kind}
    if policy.resource_type:
        request["validatePolicyResourceType"] = policy.resource_type
    for page in client.get_paginator("validate_policy").paginate(**request):
        for found in page["findings"]:
            yield Finding(
                problem=f"{policy.address}: {found['issueCode']}: {found['findingDetails']}",
                fix=f"$EDITOR {_file(policy.address)} # {found['learnMoreLink']}",
                is_blocking=found["findingType"] in ("ERROR", "SECURITY_WARNING"),
            )


def _file(address: str) -> str:
    """Return the file that declares the resource with this address."""
    if not address.startswith("module."):
        return "main.tf"
    module = address.split(".")[1].partition("[")[0]
    return f"modules/{'bucket' if module in ('source', 'processed') else module}/main.tf"


def validate(account: Account, place: Place, resources: Iterable[Resource]) -> Iterator[Finding]:
    """Yield every finding about *resources*, and about the quotas for the settings of *place*."""
    planned_resources = list(resources)
    names = ("name", "memory_mb", "reserved_concurrency")
    values = place.settings.read(names, place.environment)
    aws = account.aws
    quota = partial(
        quotas.findings,
        aws.client("lambda"),
        place.settings,
        name=values["name"],
        memory_mb=values["memory_mb"],
        reserved=values["reserved_concurrency"],
    )
    states, analyzer = aws.client("stepfunctions"), aws.client("accessanalyzer")
    return ask(
        [
            quota,
            *(
                partial(check_machine, states, machine)
                for machine in machines(planned_resources).values()
            ),
            *(
                partial(check_policy, analyzer, policy)
                for policy in policies(planned_resources).values()
            ),
        ],
        account.arn,
    )


def main() -> None:
    """Run from the command line."""
    parse(argparse.ArgumentParser(description=__doc__))
    place = Place()
    with interruptible():
        try:
            account = find_account(place.environment)
            with Progress() as progress:
                progress.say("Terraform: planning every part")
                resources = [resource for _, resource in planned(*FILES)]
                progress.say("Asking AWS")
                findings = list(validate(account, place, resources))
        except Unusable as error:
            sys.exit(report([error.finding]))
        except (CommandFailed, SettingsError) as error:
            sys.exit(str(error))
    if findings:
        print(report(findings))
    if any(finding.is_blocking for finding in findings):
        sys.exit(1)
    counted = f"{len(machines(resources))} state machines and {len(policies(resources))} policies"
    print(f"{counted} were validated, and AWS found nothing that matters.")
