"""What `make validate-aws` sends is what the services' models ask for; what they say is told."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.scripted_aws import ScriptedAws
from tools.operations.doctor.account import Account
from tools.operations.doctor.finding import Finding
from tools.operations.place import Place
from tools.operations.validate_aws import validate

POLICY = json.dumps({"Version": "2012-10-17", "Statement": []})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]})
MACHINE = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
LIMIT = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
HEALTHY: Mapping[str, Any] = {
    "GetAccountSettings": {"AccountLimit": LIMIT},
    "ValidateStateMachineDefinition": {"result": "OK", "diagnostics": []},
    "ValidatePolicy": {"findings": []},
}


def planned(kind: str, address: str, **after: str) -> dict[str, Any]:
    return {"type": kind, "address": address, "change": {"after": after}}


RESOURCES = [
    planned(
        "aws_sfn_state_machine",
        'module.workflow["express"].aws_sfn_state_machine.workflow',
        definition=MACHINE,
        type="EXPRESS",
    ),
    planned("aws_iam_role", "aws_iam_role.processor", assume_role_policy=TRUST),
    planned("aws_iam_role_policy", 'aws_iam_role_policy.processor["a"]', policy=POLICY),
    planned("aws_iam_role_policy", 'aws_iam_role_policy.processor["b"]', policy=POLICY),
    planned("aws_s3_bucket_policy", "module.source.aws_s3_bucket_policy.a", policy=POLICY + " "),
    planned("aws_sqs_queue_policy", "aws_sqs_queue_policy.failures", policy=POLICY + "  "),
    planned("aws_s3_bucket", "module.source.aws_s3_bucket.pictures", bucket="source"),
]


def found(tmp_path: Path, aws: ScriptedAws) -> list[Finding]:
    account = Account(
        id="123456789012",
        arn="arn:aws:iam::123456789012:user/ann",
        region="eu-west-1",
        aws=aws.session(),
    )
    return list(validate(account, Place(folder=tmp_path, environment=os.environ), RESOURCES))


def test_every_machine_and_policy_is_sent_once_and_as_what_it_is(tmp_path: Path) -> None:
    aws = ScriptedAws(**HEALTHY)

    assert found(tmp_path, aws) == []

    [machine] = aws.asked("ValidateStateMachineDefinition")
    assert (machine["definition"], machine["type"]) == (MACHINE, "EXPRESS")
    asked = aws.asked("ValidatePolicy")
    assert [(one["policyType"], one.get("validatePolicyResourceType")) for one in asked] == [
        ("RESOURCE_POLICY", "AWS::IAM::AssumeRolePolicyDocument"),
        ("IDENTITY_POLICY", None),
        ("RESOURCE_POLICY", "AWS::S3::Bucket"),
        ("RESOURCE_POLICY", None),
    ]


def test_what_step_functions_says_is_told(tmp_path: Path) -> None:
    diagnostic = {
        "severity": "ERROR",
        "code": "MISSING_TRANSITION_TARGET",
        "message": "no target",
        "location": "/States/End",
    }
    response = {
        "result": "FAIL",
        "diagnostics": [diagnostic, {**diagnostic, "severity": "WARNING"}],
    }

    error, warning = found(
        tmp_path, ScriptedAws(**{**HEALTHY, "ValidateStateMachineDefinition": response})
    )

    assert error.problem.endswith("MISSING_TRANSITION_TARGET: no target (/States/End)")
    assert error.fix == "$EDITOR modules/workflow/main.tf"
    assert error.is_blocking
    assert not warning.is_blocking


@pytest.mark.parametrize(
    ("kind", "is_blocking"),
    [("ERROR", True), ("SECURITY_WARNING", True), ("WARNING", False), ("SUGGESTION", False)],
)
def test_what_access_analyzer_says_is_told(tmp_path: Path, kind: str, is_blocking: bool) -> None:
    finding = {
        "findingDetails": "too much",
        "findingType": kind,
        "issueCode": "PASS_ROLE",
        "learnMoreLink": "https://docs.aws.amazon.com/x",
        "locations": [],
    }

    trust, identity, bucket, queue = found(
        tmp_path, ScriptedAws(**{**HEALTHY, "ValidatePolicy": {"findings": [finding]}})
    )

    assert trust.problem == "aws_iam_role.processor: PASS_ROLE: too much"
    assert identity.fix == "$EDITOR main.tf # https://docs.aws.amazon.com/x"
    assert bucket.fix.startswith("$EDITOR modules/bucket/main.tf")
    assert {one.is_blocking for one in (trust, identity, bucket, queue)} == {is_blocking}


def test_what_may_not_be_asked_is_one_finding(tmp_path: Path) -> None:
    [denied] = found(tmp_path, ScriptedAws(**dict.fromkeys(HEALTHY, "AccessDeniedException")))

    assert "may not access-analyzer:ValidatePolicy, lambda:GetAccountSettings," in denied.problem
    assert "states:ValidateStateMachineDefinition" in denied.fix
    assert not denied.is_blocking
