"""What Terraform does besides making the pipeline: nothing twice, modules, and clean ends."""

from pathlib import Path
from typing import Any

import boto3
import processes
import pytest
from cloud import Cloud
from terraform import ROOT, init_options

from tests.e2e.conftest import Pipeline

TWICE = """
module "pipeline" {
  source   = "%s"
  for_each = toset(["cats", "dogs"])

  name = each.key
}

output "buckets" {
  value = [for pipeline in module.pipeline : pipeline.source_bucket]
}
"""


def names() -> dict[str, set[str]]:
    """Return the names of everything that there is in the cloud."""
    logs: Any = boto3.client("logs")
    return {
        "buckets": {b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]},
        "queues": set(boto3.client("sqs").list_queues().get("QueueUrls", [])),
        "roles": {r["RoleName"] for r in boto3.client("iam").list_roles()["Roles"]},
        "log groups": {g["logGroupName"] for g in logs.describe_log_groups()["logGroups"]},
        "functions": {
            f["FunctionName"] for f in boto3.client("lambda").list_functions()["Functions"]
        },
    }


def test_a_plan_after_an_apply_is_empty(pipeline: Pipeline) -> None:
    assert not pipeline.terraform.has_changes()


def test_a_plan_from_the_repositorys_root_needs_no_build(cloud: Cloud, tmp_path: Path) -> None:
    environment = cloud.environment | {"TF_DATA_DIR": str(tmp_path / "data")}
    processes.run(
        *("terraform", "init", "-input=false", *init_options(ROOT, environment)),
        environment=environment,
        folder=ROOT,
    )
    packages = set((ROOT / "build").glob("package-*.zip"))
    plan = processes.run(
        *("terraform", "plan", "-input=false", "-no-color", f"-state={tmp_path}/none.tfstate"),
        environment=environment,
        folder=ROOT,
    )
    assert "aws_lambda_function.processor will be created" in plan
    assert set((ROOT / "build").glob("package-*.zip")) == packages


def test_a_package_that_is_missing_is_a_sentence(cloud: Cloud, tmp_path: Path) -> None:
    environment = cloud.environment | {"TF_DATA_DIR": str(tmp_path / "data")}
    processes.run(
        *("terraform", "init", "-input=false", *init_options(ROOT, environment)),
        environment=environment,
        folder=ROOT,
    )
    with pytest.raises(processes.CommandFailed, match=r"package_path"):
        processes.run(
            *("terraform", "plan", "-input=false", "-var=package_path=none.zip"),
            environment=environment,
            folder=ROOT,
        )


def test_two_pipelines_as_modules_come_and_go(cloud: Cloud, tmp_path: Path) -> None:
    before = names()
    (tmp_path / "main.tf").write_text(TWICE % ROOT)
    terraform = cloud.terraform(tmp_path)
    terraform.init()
    terraform.apply()
    assert len(set(terraform.outputs()["buckets"])) == 2
    assert names()["functions"] - before["functions"] == {"cats", "dogs"}
    assert not terraform.has_changes()

    terraform.destroy()
    assert names() == before
