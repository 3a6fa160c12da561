"""Viewers read images through the CDN, and nothing else."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1

from tests.e2e.conftest import SIGNING_KEY, Pipeline, eventually
from tests.e2e.viewer import Shown, Viewer
from tests.factories import picture

NASTY_KEY = "web/a b+c%é.webp"
NASTY_PATH = "web/a%20b%2Bc%25%C3%A9.webp"


@pytest.fixture(scope="module")
def published(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> None:
    file: Path = tmp_path_factory.mktemp("cdn") / "photo.jpg"
    file.write_bytes(picture())
    pipeline.upload(file, "a b+c%é.jpg")
    pipeline.published(NASTY_KEY)
    pipeline.s3.put_object(
        Bucket=pipeline.outputs["processed_bucket"], Key=".pipeline/results.txt", Body=b"classified"
    )


@pytest.fixture(scope="module")
def outputs(pipeline: Pipeline, published: None) -> Mapping[str, Any]:
    """Make images public, which are private as a rule, and return what Terraform says of that."""
    return pipeline.apply(
        cdn={"allowed_origins": ["https://example.com"]}, cache_control="max-age=1"
    )


@pytest.fixture(scope="module")
def viewer(pipeline: Pipeline) -> Viewer:
    return Viewer(pipeline.cloud)


@pytest.mark.usefixtures("usual_settings", "published")
def test_private_images_need_a_signed_url(pipeline: Pipeline, viewer: Viewer) -> None:
    outputs = pipeline.terraform.outputs()
    signer = CloudFrontSigner(
        outputs["cdn_key_ids"]["test"],
        lambda message: SIGNING_KEY.sign(message, PKCS1v15(), SHA1()),  # noqa: S303 - CloudFront's
    )
    url = f"{outputs['cdn_url']}/{NASTY_PATH}"
    later = datetime.now(UTC) + timedelta(minutes=5)
    signed = signer.generate_presigned_url(url, date_less_than=later)
    assert viewer.get(url).status == 403
    shown = viewer.get(signed)
    assert (shown.status, shown.headers["content-type"]) == (200, "image/webp")
    assert viewer.get(signed.replace("web/", "small/")).status == 403


@pytest.fixture(scope="module")
def shown(outputs: Mapping[str, Any], viewer: Viewer) -> Shown:
    """An image as a script on a page receives it."""
    return viewer.get(f"{outputs['cdn_url']}/{NASTY_PATH}", origin="https://example.com")


def test_an_image_is_served_under_its_encoded_key(shown: Shown) -> None:
    assert (shown.status, shown.headers["content-type"]) == (200, "image/webp")
    assert shown.headers["cache-control"] == "max-age=60"


def test_pages_may_show_and_read_it(shown: Shown) -> None:
    assert shown.headers["access-control-allow-origin"] == "https://example.com"
    assert shown.headers["cross-origin-resource-policy"] == "cross-origin"
    assert shown.headers["x-content-type-options"] == "nosniff"


def test_no_header_describes_the_source(pipeline: Pipeline, shown: Shown) -> None:
    head = pipeline.s3.head_object(Bucket=pipeline.outputs["processed_bucket"], Key=NASTY_KEY)
    assert head["Metadata"]["source-key"]
    assert not [name for name in shown.headers if name.lower().startswith("x-amz-meta-")]


def test_scripts_of_other_pages_may_not_read_it(outputs: Mapping[str, Any], viewer: Viewer) -> None:
    url = f"{outputs['cdn_url']}/{NASTY_PATH}"
    assert "access-control-allow-origin" not in viewer.get(url, origin="https://evil.test").headers


@pytest.mark.parametrize(
    "path", [".pipeline/results.txt", "%2Epipeline/results.txt", ".pipeline%2Fresults.txt", ""]
)
def test_nothing_but_images_is_served(
    outputs: Mapping[str, Any], viewer: Viewer, path: str
) -> None:
    shown = viewer.get(f"{outputs['cdn_url']}/{path}")
    assert shown.status == 403
    assert b"classified" not in shown.body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "OPTIONS"])
def test_nothing_can_be_written(outputs: Mapping[str, Any], viewer: Viewer, method: str) -> None:
    assert viewer.get(f"{outputs['cdn_url']}/{NASTY_PATH}", method=method).status == 403


def test_without_https_nothing_is_served(outputs: Mapping[str, Any], viewer: Viewer) -> None:
    assert viewer.get_plain(f"{outputs['cdn_url']}/{NASTY_PATH}").status == 403


def test_another_distribution_reads_nothing(
    pipeline: Pipeline, outputs: Mapping[str, Any], viewer: Viewer
) -> None:
    cloudfront = boto3.client("cloudfront")
    theirs: Any = cloudfront.get_distribution_config(Id=outputs["cdn_distribution_id"])
    configuration = {**theirs["DistributionConfig"], "CallerReference": "another"}
    made: Any = cloudfront.create_distribution(DistributionConfig=configuration)
    another = made["Distribution"]
    assert viewer.get(f"https://{another['DomainName']}/{NASTY_PATH}").status == 403


def test_an_overwritten_image_is_served_after_the_old_one_expires(
    pipeline: Pipeline, outputs: Mapping[str, Any], viewer: Viewer, tmp_path: Path
) -> None:
    def upload(color: tuple[int, int, int]) -> None:
        (tmp_path / "photo.jpg").write_bytes(picture(color=color))
        pipeline.upload(tmp_path / "photo.jpg", "overwritten.jpg")

    def etag(*others: str) -> str | None:
        shown = viewer.get(f"{outputs['cdn_url']}/web/overwritten.webp")
        found = shown.headers["etag"] if shown.status == 200 else None
        return None if found in others else found

    upload((200, 0, 0))
    first = eventually(etag, what="the first image")
    upload((0, 0, 200))
    assert eventually(partial(etag, first), what="the second image")
