"""A deployment is interrupted, replaced, duplicated, renamed and destroyed without losing data."""

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.e2e.conftest import Pipeline, delete_queues
from tools.local.cloud import Cloud
from tools.operations.deploy import deploy
from tools.operations.destroy import NotDestroyed, destroy
from tools.operations.place import Place
from tools.subprocesses import CommandFailed
from tools.terraform import Terraform, linked_root

NAME = "lifecycle"
QUEUE = "aws_sqs_queue.failures"

# Names that AWS allows once: a second resource is refused, or mistaken for the first.
FIXED_NAMES = (
    "aws_cloudwatch_log_group.processor",
    "aws_iam_role.processor",
    'aws_iam_role_policy.processor["read-source"]',
    "aws_lambda_function.processor",
    "aws_lambda_permission.source[0]",
    "aws_sqs_queue.failures",
    "module.processed[0].aws_s3_bucket.pictures",
    "module.source[0].aws_s3_bucket.pictures",
)


class Deployment:
    """A second deployment, with its own folder and state."""

    def __init__(self, cloud: Cloud, folder: Path, **variables: Any) -> None:
        self.terraform: Terraform = cloud.terraform(folder)
        self._cloud = cloud
        self._folder = folder
        self._variables = {"package_path": str(cloud.home / "package.zip"), **variables}
        self.set()
        self.terraform.init()

    def set(self, **changes: Any) -> None:
        """Write the usual variables with *changes*."""
        linked_root(self._folder, **{**self._variables, **changes})

    def interrupt_apply(self, *, at: str) -> None:
        """Apply, and press Ctrl-C as soon as Terraform prints *at*."""
        with subprocess.Popen(
            ["terraform", "apply", "-auto-approve", "-input=false", "-no-color"],
            cwd=self._folder,
            env={**self._cloud.environment, **self._cloud.terraform_settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout
            printed = []
            for line in process.stdout:
                printed.append(line)
                if at in line:
                    process.send_signal(signal.SIGINT)
                    break
            printed += process.stdout
        assert process.returncode != 0, "".join(printed)

    def run(self, *arguments: str) -> str:
        """Run Terraform and return its output."""
        return self.terraform.run(*arguments)

    def differences(self) -> list[str]:
        """Return the resources that have changed since the apply.

        A guard that allows its own bucket to go is gone itself when another stops Terraform, and so
        are the outputs; the next apply brings them back.
        """
        changed = [change["resource"] for change in self.terraform.plan()]
        return [one["addr"] for one in changed if one["resource_type"] != "aws_lambda_invocation"]

    def shown(self, *path: str) -> Any:
        """Return the state, or the plan at *path*, in Terraform's JSON."""
        return json.loads(self.run("show", "-json", *path))


@pytest.fixture(scope="module")
def deployment(
    pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Return a deployment whose first apply was interrupted while it created its queue."""
    folder = tmp_path_factory.mktemp("lifecycle") / "root"
    deployment = Deployment(pipeline.cloud, folder, name=NAME, metadata={})
    deployment.interrupt_apply(at=f"{QUEUE}: Still creating")
    yield deployment
    if deployment.terraform.resources():  # the last test destroys it
        deployment.set(force_destroy=True, metadata={"deletion_protection": False})
        deployment.terraform.apply()
        delete_queues(deployment.terraform)
        deployment.terraform.destroy()


@pytest.fixture(scope="module")
def applied(deployment: Deployment) -> Deployment:
    """Return the deployment after a second, uninterrupted apply."""
    resources = deployment.shown()["values"]["root_module"]["resources"]
    assert [one["address"] for one in resources if one.get("tainted")] == [QUEUE]
    deployment.terraform.apply()
    return deployment


@pytest.fixture(scope="module")
def full(applied: Deployment, pipeline: Pipeline) -> Deployment:
    """Return the deployment with a noncurrent object and no current one."""
    bucket = applied.terraform.outputs()["source_bucket"]
    pipeline.s3.put_object(Bucket=bucket, Key="notes.txt", Body=b"no picture")
    pipeline.s3.delete_object(Bucket=bucket, Key="notes.txt")
    return applied


def test_an_interrupted_apply_is_completed_by_the_next(
    applied: Deployment, pipeline: Pipeline
) -> None:
    assert applied.differences() == []
    response = pipeline.sqs.get_queue_url(QueueName=f"{NAME}-failures")
    assert response["QueueUrl"] == applied.terraform.outputs()["failure_queue_url"]


def test_a_resource_with_a_fixed_name_is_destroyed_first(
    applied: Deployment, tmp_path: Path
) -> None:
    plan = str(tmp_path / "replaced.tfplan")

    applied.run("plan", f"-out={plan}", *(f"-replace={address}" for address in FIXED_NAMES))

    changes = applied.shown(plan)["resource_changes"]
    actions = {one["address"]: one["change"]["actions"] for one in changes}
    assert all(actions[address] == ["delete", "create"] for address in FIXED_NAMES), actions
    assert ["create", "delete"] not in actions.values()


@pytest.mark.parametrize("address", ["aws_lambda_function.processor", "aws_iam_role.processor"])
def test_replacing_a_resource_replaces_its_attachments(applied: Deployment, address: str) -> None:
    applied.terraform.apply(f"-replace={address}")

    assert applied.differences() == []


def test_a_second_deployment_of_the_name_fails_and_changes_nothing(
    applied: Deployment, pipeline: Pipeline, tmp_path: Path
) -> None:
    second = Deployment(
        pipeline.cloud, tmp_path, name=NAME, bucket_prefix="second", workflow={}, backfill={}
    )
    with pytest.raises(CommandFailed, match="EntityAlreadyExists"):
        second.terraform.apply()

    second.terraform.destroy()

    assert applied.differences() == []


def test_a_destroy_changes_nothing_while_a_bucket_contains_objects(full: Deployment) -> None:
    with pytest.raises(CommandFailed) as caught:
        full.terraform.destroy()

    sentence = " ".join(caught.value.output.split())
    assert "still holds objects" in sentence
    assert "force_destroy = true" in sentence
    assert full.differences() == []


@pytest.mark.parametrize(
    "changes",
    [{"name": "renamed"}, {"source_bucket_name": "renamed-source"}, {"metadata": None}],
    ids=["deployment", "bucket", "table"],
)
def test_a_change_that_would_destroy_data_changes_nothing(
    full: Deployment, changes: Mapping[str, Any]
) -> None:
    full.set(**changes)
    with pytest.raises(CommandFailed, match="nothing was touched"):
        full.terraform.apply()

    full.set()
    assert full.differences() == []


@pytest.fixture
def place(full: Deployment, pipeline: Pipeline) -> Place:
    """Return a place that lets `make deploy` and `make destroy` run on the local cloud."""
    cloud = pipeline.cloud
    environment = {**cloud.environment, **cloud.terraform_settings}
    return Place(folder=full.terraform.folder, environment=environment, is_local=True)


def test_make_destroy_shows_the_data_and_changes_nothing(
    full: Deployment, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotDestroyed, match="Nothing was touched"):
        destroy(place, yes=True)

    said = capsys.readouterr().out
    assert "resources in account 000000000000 in eu-central-2 would be destroyed" in said
    assert f"s3://{NAME}-source-000000000000: 0 objects and 2 old versions, 0.0 MB, kept\n" in said
    assert f"table {NAME}-records: about 0 records, kept\n" in said
    assert "Existing buckets" not in said
    assert full.differences() == []


def test_make_deploy_applies_and_cleans_up_its_test_upload(
    full: Deployment, place: Place, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    full.set(force_destroy=True, metadata={"deletion_protection": False})

    deploy(place, yes=True)

    said = capsys.readouterr().out
    outputs = full.terraform.outputs()
    assert "Terraform will change " in said
    assert "  change   module.metadata[0].aws_dynamodb_table.records\n" in said
    assert "A test upload became 1 image in " in said
    assert f"  upload    {outputs['upload_command']}\n" in said
    versions = pipeline.s3.list_object_versions(Bucket=outputs["source_bucket"])
    assert {one["Key"] for one in versions["Versions"]} == {"notes.txt"}
    assert pipeline.s3.list_objects_v2(Bucket=outputs["processed_bucket"])["KeyCount"] == 0
    table: Any = boto3.resource("dynamodb")
    assert table.Table(outputs["metadata_table"]).scan()["Items"] == []


def test_a_bucket_of_the_same_account_is_not_adopted(pipeline: Pipeline, tmp_path: Path) -> None:
    elsewhere = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="owned-source")
    deployment = Deployment(
        pipeline.cloud, tmp_path, name="owned", source_bucket_name="owned-source"
    )
    deployment.terraform = Terraform(tmp_path, {**pipeline.cloud.environment, **elsewhere})

    with pytest.raises(CommandFailed, match=r"owned-source.*BucketAlreadyExists"):
        deployment.terraform.apply("-target=module.source")

    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="owned-source")


def test_code_changed_outside_terraform_is_detected_and_uploaded_again(
    applied: Deployment, pipeline: Pipeline
) -> None:
    functions = boto3.client("lambda")
    good = functions.get_function_configuration(FunctionName=NAME)["CodeSha256"]
    package = pipeline.cloud.home / "package.zip"
    functions.update_function_code(FunctionName=NAME, ZipFile=package.read_bytes() + b"\0")

    assert "runs other code" in " ".join(applied.run("plan").split())
    applied.terraform.apply("-replace=terraform_data.upload")

    assert functions.get_function_configuration(FunctionName=NAME)["CodeSha256"] == good
    assert "runs other code" not in applied.run("plan")


def test_make_destroy_destroys_an_unprotected_deployment(
    full: Deployment, place: Place, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    full.set(force_destroy=True, metadata={"deletion_protection": False})
    full.terraform.apply()
    delete_queues(full.terraform)

    destroy(place, yes=True)

    assert "It is destroyed.\n" in capsys.readouterr().out
    assert full.terraform.resources() == []
    with pytest.raises(NotDestroyed, match="Nothing is deployed from here"):
        destroy(place, yes=True)
