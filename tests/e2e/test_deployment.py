"""Planning, using the pipeline as a module, and destroying it."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.e2e.conftest import eventually
from tests.e2e.viewer import Viewer
from tests.factories import picture
from tools import ROOT
from tools.local import head_start
from tools.local.cloud import ARCHITECTURE, Cloud
from tools.terraform import linked_root

TWICE = """
module "pipeline" {
  source   = "./repository"
  for_each = toset(["cats"])

  name = each.key
}

module "gallery" {
  source = "./repository/examples/web-gallery"
}

output "gallery" {
  value = module.gallery
}
"""


EVERY_PART: Mapping[str, object] = {
    "metadata": {},
    "events": {},
    "upload_api": {},
    "workflow": {},
    "cdn": {},
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


@pytest.fixture(scope="module")
def root(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield an initialised root module of nothing but the repository's own configuration."""
    folder = tmp_path_factory.mktemp("root")
    linked_root(folder)
    cloud.terraform(folder).init()
    with cloud.running_provider(folder):
        yield folder


def plan(cloud: Cloud, root: Path, *options: str, **variables: object) -> str:
    """Plan the configuration in *root* with *variables* and return what Terraform prints."""
    linked_root(root, (), **variables)
    return cloud.terraform(root).run("plan", *options)


def test_a_plan_needs_no_build(cloud: Cloud, root: Path) -> None:
    assert "aws_lambda_function.processor will be created" in plan(cloud, root)
    assert not (root / "build").exists()


def test_everything_that_takes_tags_has_them(cloud: Cloud, root: Path) -> None:
    planned = root / "tags.tfplan"
    tags = {"team": "pets"}

    plan(cloud, root, f"-out={planned}", tags=tags, **EVERY_PART)

    shown = cloud.terraform(root).run("show", "-json", str(planned))
    module = json.loads(shown)["planned_values"]["root_module"]
    tagged = {
        resource["address"]: resource["values"]["tags"]
        for resource in resources(module)
        if "tags" in resource.get("values", {})
    }
    assert tagged == dict.fromkeys(tagged, tags)
    some = {"module.source[0].aws_s3_bucket.pictures", "aws_lambda_function.processor"}
    assert some <= set(tagged)


@pytest.fixture
def repository(cloud: Cloud, tmp_path: Path) -> Path:
    """The repository with a copy of an example whose function runs on this machine."""
    folder = tmp_path / "repository"
    example = folder / "examples" / "web-gallery"
    example.mkdir(parents=True)
    for name in ("main.tf", "variables.tf", "outputs.tf", "lambda", "modules", "tools"):
        (folder / name).symlink_to(ROOT / name)
    (example / "main.tf").symlink_to(ROOT / "examples" / "web-gallery" / "main.tf")
    here = {
        "architecture": ARCHITECTURE,
        "package_path": str(cloud._package(None)),
        "force_destroy": True,
    }
    (example / "here_override.tf.json").write_text(json.dumps({"module": {"pipeline": here}}))
    return folder


@pytest.mark.usefixtures("repository")
def test_a_pipeline_and_an_example_are_applied_and_destroyed(cloud: Cloud, tmp_path: Path) -> None:
    before = names()
    (tmp_path / "main.tf").write_text(TWICE)
    cloud.terraform(tmp_path).init()
    with cloud.running_provider(tmp_path) as terraform:
        terraform.plan()
        with head_start.given(terraform, cloud.environment):
            terraform.apply_plan()
        assert names()["functions"] - before["functions"] == {"cats", "web-gallery"}
        assert not terraform.has_changes()

        outputs = terraform.outputs()["gallery"]
        boto3.client("s3").put_object(
            Bucket=outputs["source_bucket"], Key="beach.jpg", Body=picture()
        )
        manifest = eventually(
            partial(shown, cloud, f"{outputs['images_url']}/beach.json"), what="the manifest"
        )
        urls = [image["url"] for image in json.loads(manifest)["images"]]
        assert {url.rpartition(".")[2] for url in urls} == {"avif", "webp", "jpg"}
        assert all(shown(cloud, url) for url in urls)

        terraform.destroy()
        assert names() == before


def shown(cloud: Cloud, url: str) -> bytes | None:
    """Return what the CDN has under *url*, if anything."""
    response = Viewer(cloud).get(url)
    return response.body if response.status == 200 else None
