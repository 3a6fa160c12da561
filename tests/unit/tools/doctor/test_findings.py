"""Every finding about programs, quotas, names and events, with its fix."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]  # comes without types
import pytest

from tests.scripted_aws import ScriptedAws
from tools import subprocesses
from tools.build.interpreters import Interpreter
from tools.operations.doctor import bucket_events, programs
from tools.operations.doctor.account import Account
from tools.operations.doctor.finding import Finding, report
from tools.operations.doctor.run import Patient, ask_aws, examine
from tools.operations.place import Place
from tools.terraform import Terraform

USER = "arn:aws:iam::123456789012:user/ann"
ROLE = "arn:aws:sts::123456789012:assumed-role/deployer/ann"
SSO = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123/ann"

USUAL: Mapping[str, Any] = {
    "name": "shop",
    "bucket_prefix": None,
    "source_bucket_name": None,
    "processed_bucket_name": None,
    "existing_source_bucket": None,
    "existing_processed_bucket": None,
    "memory_mb": 1769,
    "reserved_concurrency": None,
    "kms_key": None,
}
EXISTING = {"existing_source_bucket": "photos", "existing_processed_bucket": "images"}
LIMITS = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
HEALTHY: Mapping[str, Any] = {
    "GetAccountSettings": {"AccountLimit": LIMITS},
    "GetFunctionConcurrency": "ResourceNotFoundException",
    "HeadBucket": "404",
    "GetRole": "NoSuchEntity",
    "GetBucketNotificationConfiguration": {"EventBridgeConfiguration": {}},
    "GetBucketEncryption": "ServerSideEncryptionConfigurationNotFoundError",
}
FEW = {"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}}
MORE_CONCURRENCY = (
    "aws service-quotas request-service-quota-increase --service-code lambda"
    " --quota-code L-B99A9384 --desired-value"
)


def resource(kind: str, **values: str) -> dict[str, Any]:
    return {"type": kind, "values": values}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "root"
    folder.mkdir()
    return Place(folder=folder, environment={})


def patient(
    place: Place,
    aws: ScriptedAws,
    *resources: Mapping[str, Any],
    arn: str = USER,
    **changes: Any,
) -> Patient:
    account = Account(id="123456789012", arn=arn, region="eu-west-1", aws=aws.session())
    return Patient(account=account, place=place, values={**USUAL, **changes}, resources=resources)


def findings(
    place: Place, *resources: Mapping[str, Any], responses: Mapping[str, Any], **changes: Any
) -> list[Finding]:
    """Return the findings in an account that differs from a healthy one by *responses*."""
    aws = ScriptedAws(**{**HEALTHY, **responses})
    return list(ask_aws(patient(place, aws, *resources, **changes)))


def test_nothing_is_found_in_a_healthy_account(place: Place) -> None:
    assert findings(place, responses={}) == []


def test_a_new_account_runs_few_functions_at_once(place: Place) -> None:
    [found] = findings(place, responses={"GetAccountSettings": FEW})

    assert found.problem.startswith("Lambda runs at most 10 functions at once")
    assert found.fix == f"{MORE_CONCURRENCY} 1000"
    assert not found.is_blocking


def test_a_reservation_that_leaves_too_little(place: Place) -> None:
    [found] = findings(place, responses={}, reserved_concurrency=950)

    assert found.is_blocking
    assert found.fix == f"{MORE_CONCURRENCY} 2050"


def test_a_function_can_be_stopped_in_a_new_account(place: Place) -> None:
    [found] = findings(place, responses={"GetAccountSettings": FEW}, reserved_concurrency=0)

    assert not found.is_blocking


def test_a_reservation_replaces_the_one_that_there_is(place: Place) -> None:
    limits = {"AccountLimit": {**LIMITS, "UnreservedConcurrentExecutions": 100}}
    responses = {
        "GetAccountSettings": limits,
        "GetFunctionConcurrency": {"ReservedConcurrentExecutions": 900},
    }

    assert findings(place, responses=responses, reserved_concurrency=900) == []


def test_a_new_account_gets_little_memory(place: Place) -> None:
    (place.folder / "terraform.tfvars").write_text("memory_mb = 3538\n")

    _, found = findings(place, responses={"GetAccountSettings": FEW}, memory_mb=3538)

    assert "at most 3008 MB" in found.problem
    assert found.fix.endswith("terraform.tfvars # memory_mb = 3008")


@pytest.mark.parametrize(("response", "owner"), [({}, "this account"), ("403", "another account")])
def test_a_bucket_name_that_is_taken(place: Place, response: Any, owner: str) -> None:
    source, processed = findings(place, responses={"HeadBucket": response})

    assert f"shop-source-123456789012 exists already, in {owner}" in source.problem
    assert source.fix == "echo 'bucket_prefix = \"shop-2\"' >> terraform.tfvars"
    assert "shop-processed-123456789012" in processed.problem


def test_a_configured_bucket_name_that_is_taken(place: Place) -> None:
    own = {"source_bucket_name": "cats", "processed_bucket_name": "dogs"}

    found, _ = findings(place, responses={"HeadBucket": "403"}, **own)

    assert found.fix == "echo 'source_bucket_name = \"cats-2\"' >> terraform.tfvars"


def test_existing_buckets_are_expected_to_exist(place: Place) -> None:
    assert findings(place, responses={"HeadBucket": {}}, **EXISTING) == []


@pytest.mark.parametrize(
    ("response", "where"),
    [("404", "there is no such bucket"), ("403", "that bucket is in another account or out of")],
)
def test_an_existing_bucket_that_is_not_in_the_account(
    place: Place, response: str, where: str
) -> None:
    missing = {"HeadBucket": response, "GetBucketNotificationConfiguration": "NoSuchBucket"}

    source, processed = findings(place, responses=missing, **EXISTING)

    assert source.problem.startswith(f"existing_source_bucket is photos, and {where}")
    assert processed.problem.startswith(f"existing_processed_bucket is images, and {where}")
    assert source.is_blocking
    assert processed.is_blocking


def test_names_of_terraforms_own_resources_are_no_finding(place: Place) -> None:
    made = (
        resource("aws_s3_bucket", bucket="shop-source-123456789012"),
        resource("aws_s3_bucket", bucket="shop-processed-123456789012"),
        resource("aws_iam_role", name="shop"),
    )

    assert findings(place, *made, responses={"HeadBucket": {}, "GetRole": "Unasked"}) == []


def test_a_role_that_exists_already(place: Place) -> None:
    role = {"Path": "/", "RoleName": "shop", "RoleId": "A" * 16, "Arn": USER, "CreateDate": 0}

    [found] = findings(place, responses={"GetRole": {"Role": role}})

    assert found.fix == "echo 'name = \"shop-2\"' >> terraform.tfvars"


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:lambda:eu-west-1:999999999999:function:shop",
        "arn:aws:lambda:us-east-1:123456789012:function:shop",
    ],
)
def test_a_deployment_in_another_account_or_region(place: Place, arn: str) -> None:
    without = [resource("aws_s3_bucket", arn="arn:aws:s3:::a"), resource("terraform_data")]
    pending = resource("aws_sns_topic_subscription", arn="PendingConfirmation")

    [found] = findings(
        place, *without, pending, resource("aws_lambda_function", arn=arn), responses={}
    )

    assert found.is_blocking
    assert found.fix.startswith("terraform workspace new")


def test_an_existing_bucket_that_sends_no_events(place: Place) -> None:
    responses: dict[str, Any] = {"HeadBucket": {}, "GetBucketNotificationConfiguration": {}}

    [found] = findings(place, responses=responses, **EXISTING)

    assert found.problem.startswith("The bucket photos sends no events")
    assert found.fix == bucket_events.enable("photos")


KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"


def encrypted_with(key: str | None) -> Mapping[str, Any]:
    by_default = {"SSEAlgorithm": "aws:kms", **({"KMSMasterKeyID": key} if key else {})}
    rules = [{"ApplyServerSideEncryptionByDefault": by_default}]
    encryption = {"ServerSideEncryptionConfiguration": {"Rules": rules}}
    return {"HeadBucket": {}, "GetBucketEncryption": encryption}


def test_an_existing_bucket_with_a_key_of_its_own(place: Place) -> None:
    source, processed = findings(place, responses=encrypted_with(KEY), **EXISTING)

    assert source.problem.startswith(f"The bucket photos encrypts with {KEY}, which is not kms_key")
    assert processed.problem.startswith("The bucket images encrypts")
    assert source.fix == f"echo 'kms_key = {{ arn = \"{KEY}\" }}' >> terraform.tfvars"
    assert not source.is_blocking


def test_an_existing_bucket_with_the_alias_of_a_key(place: Place) -> None:
    found, _ = findings(place, responses=encrypted_with("alias/photos"), **EXISTING)

    assert found.fix.startswith("aws kms describe-key --key-id alias/photos")


@pytest.mark.parametrize(
    "key", [KEY, "1234abcd", None, "arn:aws:kms:eu-west-1:123456789012:alias/aws/s3"]
)
def test_keys_that_the_function_may_use_are_no_finding(place: Place, key: str | None) -> None:
    known = {"kms_key": {"arn": KEY}}

    assert findings(place, responses=encrypted_with(key), **EXISTING, **known) == []


# Prints its last argument: the query of `get`, which becomes the input of `put`.
AWS = """#!/bin/sh
for last; do :; done
printf '%s' "$last"
"""

QUEUES = {"QueueConfigurations": [{"QueueArn": "arn:aws:sqs:x:1:q", "Events": ["s3:TestEvent"]}]}


@pytest.mark.parametrize("present", [{}, QUEUES], ids=["none", "some"])
def test_its_events_are_enabled_beside_its_other_notifications(
    present: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "aws").write_text(AWS)
    (tmp_path / "aws").chmod(0o755)
    command = ["sh", "-c", bucket_events.enable("my photos")]
    query = subprocesses.run(*command, environment={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    aws = ScriptedAws(PutBucketNotificationConfiguration={})

    merged = jmespath.search(query, present)
    aws.session().client("s3").put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration=merged
    )

    assert merged == {**present, "EventBridgeConfiguration": {}}


@pytest.mark.parametrize(
    ("arn", "command"),
    [
        (USER, "aws iam put-user-policy --user-name ann --policy-name doctor"),
        (ROLE, "aws iam put-role-policy --role-name deployer --policy-name doctor"),
        (SSO, "aws iam create-policy --policy-name doctor"),
    ],
)
def test_all_missing_permissions_are_one_finding(place: Place, arn: str, command: str) -> None:
    denied = dict.fromkeys(HEALTHY, "AccessDenied")

    *names, found = findings(place, responses=denied, **EXISTING, arn=arn)

    assert all("in another account or out of reach" in name.problem for name in names)
    assert found.problem.endswith(
        "may not iam:GetRole, lambda:GetAccountSettings, s3:GetBucketNotification,"
        " s3:GetEncryptionConfiguration. An administrator can allow it."
    )
    assert found.fix.startswith(command)
    assert '"iam:GetRole", "lambda:GetAccountSettings", "s3:GetBucketNotification"' in found.fix
    assert not found.is_blocking


def test_aws_gives_no_answer(place: Place) -> None:
    [found] = findings(place, responses={"GetAccountSettings": "ServiceException"})

    assert "ServiceException" in found.problem
    assert found.fix == "make doctor"


def test_terraform_is_too_old() -> None:
    [found] = programs.of_terraform((1, 8, 5), {})

    assert found.problem == "Terraform 1.9 or later is needed, not 1.8.5."
    assert programs.TESTED in found.fix
    assert list(programs.of_terraform((1, 9, 0), {})) == []


def test_there_is_no_terraform(tmp_path: Path) -> None:
    nowhere = {"PATH": str(tmp_path)}

    *_, found = programs.findings(Terraform(tmp_path, nowhere), nowhere, has_key=False)

    assert found.problem.startswith("Terraform does not run")


def test_terraform_is_downloaded_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    [found] = programs.of_terraform((1, 0), {})
    assert found.fix.startswith("curl -LO https://releases.hashicorp.com/terraform/")

    monkeypatch.setattr(sys, "platform", "darwin")
    [found] = programs.of_terraform((1, 0), {})
    assert found.fix == "brew install hashicorp/tap/terraform"


def test_the_provider_is_not_the_locked_one() -> None:
    [found] = programs.of_provider("5.99.1", "5.100.0", has_key=False, command="terraform")

    assert found.fix == "terraform init"
    assert list(programs.of_provider(None, "5.100.0", has_key=True, command="terraform")) == []


@pytest.mark.parametrize(("version", "number"), [("6.22.0", 1), ("6.39.1", 1), ("6.40.0", 0)])
def test_a_provider_with_a_known_fault(version: str, number: int) -> None:
    found = list(programs.of_provider(version, version, has_key=True, command="terraform"))

    assert [one.fix for one in found] == ["terraform init -upgrade"] * number
    assert list(programs.of_provider(version, version, has_key=False, command="terraform")) == []


def test_the_python_that_terraform_calls_is_missing_or_old() -> None:
    able = Interpreter(sys.executable, (3, 13))

    for version, output in ((None, "none runs here"), ((3, 9), "this one is 3.9")):
        [found] = programs.of_python(version, [able])
        assert output in found.problem
        assert found.fix == f'export PATH="{Path(sys.executable).parent}:$PATH"'


def test_no_python_has_pip_or_is_the_functions_own() -> None:
    pip, bytecode = programs.of_python((3, 12), [Interpreter("/nowhere/python3", (3, 12))])

    assert pip.fix == "python3 -m ensurepip"
    assert bytecode.fix == ".venv/bin/uv python install 3.13"
    assert not bytecode.is_blocking


def test_settings_that_terraform_refuses(place: Place) -> None:
    file = place.folder / "terraform.tfvars"
    file.write_text('name = "No"\n')

    [found] = examine(Place(folder=place.folder, environment=os.environ))

    assert "name must be 3 to 40" in found.problem
    assert found.fix == f"$EDITOR {file}"


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ('existing_source_buckt = "photos"', "There is no variable existing_source_buckt;"),
        ("monitoring = { email = [] }", "There is no monitoring.email; emails may be meant."),
    ],
)
def test_settings_that_terraform_ignores(place: Place, setting: str, problem: str) -> None:
    (place.folder / "x.auto.tfvars").write_text(f"{setting}\n")

    [found] = examine(Place(folder=place.folder, environment=os.environ))

    assert found.problem.startswith(problem)
    assert found.is_blocking
    assert found.fix.endswith("x.auto.tfvars")


def test_settings_of_other_files_in_the_folder_are_no_finding(place: Place) -> None:
    (place.folder / "backend.tf").write_text('variable "team" {}\n')
    (place.folder / "terraform.tfvars").write_text('team = "shop"\n')
    shell = Place(folder=place.folder, environment=os.environ)

    assert not any("team" in found.problem for found in examine(shell))


def test_a_state_that_cannot_be_read(place: Place) -> None:
    (place.folder / "main.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    shell = Place(folder=place.folder, environment=os.environ)

    found = list(examine(shell, patient(shell, ScriptedAws()).account))[-1]

    assert found.problem.startswith("What is deployed cannot be read")
    assert found.fix == "terraform init"


def test_blocking_findings_come_first_and_are_safe_for_a_terminal() -> None:
    note = Finding(problem="slow \x1b[2J", fix="wait", is_blocking=False)
    stop = Finding(problem="broken", fix="mend")

    assert report([note, stop]) == "stop  broken\n      $ mend\nnote  slow \\x1b[2J\n      $ wait"
