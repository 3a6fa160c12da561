"""Both buckets are what pictures need, and the source is the one that keeps versions."""

import pytest

from tests.e2e.conftest import Pipeline

both = pytest.mark.parametrize("bucket", ["source_bucket", "processed_bucket"])


@both
def test_no_bucket_is_public(pipeline: Pipeline, bucket: str) -> None:
    answer = pipeline.s3.get_public_access_block(Bucket=pipeline.outputs[bucket])
    assert all(answer["PublicAccessBlockConfiguration"].values())


@both
def test_parts_of_what_was_never_completed_go(pipeline: Pipeline, bucket: str) -> None:
    answer = pipeline.s3.get_bucket_lifecycle_configuration(Bucket=pipeline.outputs[bucket])
    [rule] = answer["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_uploads_have_versions_and_results_have_none(pipeline: Pipeline) -> None:
    source = pipeline.s3.get_bucket_versioning(Bucket=pipeline.outputs["source_bucket"])
    processed = pipeline.s3.get_bucket_versioning(Bucket=pipeline.outputs["processed_bucket"])
    assert source["Status"] == "Enabled"
    assert "Status" not in processed
