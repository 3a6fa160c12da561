"""Each bucket gets its own settings from the variables, and only the source has versions."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.conftest import Pipeline

pytestmark = pytest.mark.usefixtures("usual_settings")

KEY = "arn:aws:kms:eu-central-2:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"

SETTINGS: Mapping[str, Any] = {
    "source_expiration_days": 30,
    "processed_expiration_days": 7,
    "abort_multipart_days": 3,
    "kms_key": {"arn": KEY},
    "force_destroy": False,
}


def test_uploads_have_versions_and_results_have_none(pipeline: Pipeline) -> None:
    source = pipeline.s3.get_bucket_versioning(Bucket=pipeline.outputs["source_bucket"])
    processed = pipeline.s3.get_bucket_versioning(Bucket=pipeline.outputs["processed_bucket"])
    assert source["Status"] == "Enabled"
    assert "Status" not in processed


@pytest.fixture(scope="module")
def planned(pipeline: Pipeline) -> Mapping[str, Mapping[str, Any]]:
    """Return the planned resources of the buckets with SETTINGS."""
    plan = str(pipeline.cloud.home / "buckets.tfplan")
    given = [f"-var={name}={json.dumps(value)}" for name, value in SETTINGS.items()]
    pipeline.terraform.run("plan", f"-out={plan}", *given)
    shown = pipeline.terraform.run("show", "-json", plan)
    modules = json.loads(shown)["planned_values"]["root_module"]
    return {
        resource["address"]: resource["values"]
        for module in modules["child_modules"]
        for resource in module["resources"]
    }


@pytest.mark.parametrize(("bucket", "days"), [("source", 30), ("processed", 7)])
def test_each_bucket_has_its_configured_settings(
    planned: Mapping[str, Mapping[str, Any]], bucket: str, days: int
) -> None:
    rules = planned[f"module.{bucket}[0].aws_s3_bucket_lifecycle_configuration.cleanup"]["rule"]
    by_id = {rule["id"]: rule for rule in rules}
    abort, expire = by_id["abort-incomplete-uploads"], by_id["expire"]
    assert abort["abort_incomplete_multipart_upload"] == [{"days_after_initiation": 3}]
    assert expire["expiration"][0]["days"] == days
    [encryption] = planned[
        f"module.{bucket}[0].aws_s3_bucket_server_side_encryption_configuration.at_rest[0]"
    ]["rule"]
    [default] = encryption["apply_server_side_encryption_by_default"]
    assert default == {"kms_master_key_id": KEY, "sse_algorithm": "aws:kms"}
    assert planned[f"module.{bucket}[0].aws_s3_bucket.pictures"]["force_destroy"] is False
