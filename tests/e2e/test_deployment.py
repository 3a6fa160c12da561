"""What Terraform does besides making the pipeline: nothing twice, modules, and clean ends."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import processes
import pytest
from cloud import Cloud
from terraform import ROOT, linked_root

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


EVERY_PART: Mapping[str, object] = {
    "metadata": {},
    "events": {},
    "upload_api": {},
    "workflow": {},
    "backfill": {},
}


def resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the planned resources of *module* and of the modules in it."""
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from resources(child)


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


@pytest.fixture(scope="module")
def root(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an initialised root module of nothing but the repository's own configuration."""
    folder = tmp_path_factory.mktemp("root")
    linked_root(folder)
    cloud.terraform(folder).init()
    return folder


def plan(cloud: Cloud, root: Path, *options: str, **variables: object) -> str:
    """Plan the configuration in *root* with *variables* and return what Terraform prints."""
    linked_root(root, **variables)
    return processes.run(
        *("terraform", "plan", "-input=false", "-no-color", *options),
        environment=cloud.environment,
        folder=root,
    )


def test_a_plan_needs_no_build(cloud: Cloud, root: Path) -> None:
    assert "aws_lambda_function.processor will be created" in plan(cloud, root)
    assert not (root / "build").exists()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"package_path": "none.zip"}, 'There is no package at "none.zip"'),
        ({"package_path": "folder.png"}, 'There is no package at "folder.png"'),
        ({"watermark": {"logo": "folder.png"}}, 'there is none at "folder.png"'),
        ({"watermark": {"text": "Acme", "font": "folder.ttf"}}, 'there is none at "folder.ttf"'),
        ({"variants": {"large": None}}, "not null; got null for large"),
    ],
    ids=["missing", "folder for a package", "folder for a logo", "folder for a font", "null"],
)
def test_a_value_that_cannot_be_used_is_a_sentence(
    cloud: Cloud, root: Path, variables: Mapping[str, object], sentence: str
) -> None:
    for name in ("folder.png", "folder.ttf"):
        (root / name).mkdir(exist_ok=True)

    with pytest.raises(processes.CommandFailed) as caught:
        plan(cloud, root, **variables)

    assert sentence in " ".join(caught.value.output.split())


def test_everything_that_takes_tags_has_them(cloud: Cloud, root: Path) -> None:
    planned = root / "tags.tfplan"
    tags = {"team": "pets"}

    plan(cloud, root, f"-out={planned}", tags=tags, **EVERY_PART)

    shown = processes.run(
        *("terraform", "show", "-json", str(planned)), environment=cloud.environment, folder=root
    )
    module = json.loads(shown)["planned_values"]["root_module"]
    tagged = {
        resource["address"]: resource["values"]["tags"]
        for resource in resources(module)
        if "tags" in resource.get("values", {})
    }
    assert tagged == dict.fromkeys(tagged, tags)
    assert {"module.source.aws_s3_bucket.pictures", "aws_lambda_function.processor"} <= set(tagged)


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
