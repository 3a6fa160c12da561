"""`make up` tells how to use what is deployed."""

from pathlib import Path

from tools.local.cloud import Cloud
from tools.local.up import _commands

OUTPUTS = {
    "upload_command": "aws s3 cp photo.jpg s3://source/",
    "source_bucket": "source",
    "processed_bucket": "processed",
    "log_group": "/aws/lambda/image-pipeline",
}


def test_the_url_of_images_is_printed_if_there_is_a_cdn(tmp_path: Path) -> None:
    url = "https://d123.cloudfront.localhost:4566"
    assert "images" not in dict(_commands(Cloud(tmp_path), OUTPUTS))
    output = dict(_commands(Cloud(tmp_path), {**OUTPUTS, "cdn_url": url}))
    assert output["images"] == f"{url}/…"
