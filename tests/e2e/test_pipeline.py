"""From an upload with the AWS CLI to pixels, failures and logs."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import processes
import pytest
from PIL import Image, ImageStat
from terraform import ROOT

from tests.e2e.conftest import Pipeline, eventually
from tests.factories import picture

RED = (200, 30, 60)
ROLE = "image-pipeline"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture(300, 200, color=RED))
    return file


def test_an_upload_comes_out_in_every_variant(pipeline: Pipeline, photo: Path) -> None:
    pipeline.upload(photo, "cats/tom.jpg")
    small = pipeline.published("small/cats/tom.jpg")
    web = pipeline.published("web/cats/tom.webp")

    assert (small.format, small.size) == ("JPEG", (120, 80))
    assert (web.format, web.size) == ("WEBP", (60, 40))
    assert pipeline.content_type("web/cats/tom.webp") == "image/webp"
    assert ImageStat.Stat(web.convert("RGB")).mean == pytest.approx(RED, abs=3)


def test_the_watermark_is_in_its_place_and_nowhere_else(pipeline: Pipeline, photo: Path) -> None:
    pipeline.upload(photo, "marked.jpg")
    small = pipeline.published("small/marked.jpg").convert("RGB")
    corner = ImageStat.Stat(small.crop((0, 0, 40, 20)))
    rest = ImageStat.Stat(small.crop((40, 30, 120, 80)))
    assert max(corner.stddev) > 20
    assert max(rest.stddev) < 3


@pytest.mark.parametrize(
    "name", ["a b+c%é", "100% +1", "катя/ネコ 🐈", "a&b=c?d#e", "quote'\"", "x" * 1000]
)
def test_keys_come_out_as_they_went_in(pipeline: Pipeline, photo: Path, name: str) -> None:
    pipeline.upload(photo, f"{name}.jpg")
    assert pipeline.published(f"small/{name}.jpg").size == (120, 80)


def test_a_multipart_upload_is_an_upload(pipeline: Pipeline, tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    Image.effect_noise((3800, 3800), 200).save(file)
    assert file.stat().st_size > 8 * 1024 * 1024  # from which on the CLI uploads in parts
    pipeline.upload(file, "large.png")
    assert pipeline.published("small/large.png").size == (120, 120)
    source = pipeline.s3.head_object(Bucket=pipeline.outputs["source_bucket"], Key="large.png")
    assert "-" in source["ETag"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("text.jpg", b"just text", "unsupported-format"),
        ("corrupt.jpg", picture(300, 200)[:-400], "corrupt-image"),
        ("empty.jpg", b"", "empty-file"),
    ],
)
def test_a_bad_file_is_on_the_failure_queue_with_its_reason(
    pipeline: Pipeline, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    pipeline.upload(file, name)
    failure = pipeline.failure(name)
    assert failure["rejection"]["reason"] == reason
    assert failure["rejection"]["source"]["key"] == name
    assert [line["message"] for line in pipeline.lines(name)] == ["rejected"]


def test_every_upload_is_logged_in_one_line(pipeline: Pipeline, photo: Path) -> None:
    pipeline.upload(photo, "logged.jpg")
    pipeline.published("small/logged.jpg")
    [line] = eventually(lambda: pipeline.lines("logged.jpg"), what="log line")
    assert line["message"] == "published"
    assert [image["key"] for image in line["published"]] == [
        "small/logged.jpg",
        "web/logged.webp",
    ]


def test_a_newer_upload_replaces_the_older_one(
    pipeline: Pipeline, photo: Path, tmp_path: Path
) -> None:
    pipeline.upload(photo, "twice.jpg")
    pipeline.published("web/twice.webp")
    newer = tmp_path / "newer.jpg"
    newer.write_bytes(picture(60, 60, color=(0, 0, 200)))
    pipeline.upload(newer, "twice.jpg")
    eventually(lambda: pipeline.published("web/twice.webp").size == (60, 60), what="the newer one")


def test_a_removed_source_takes_its_images_along(pipeline: Pipeline, photo: Path) -> None:
    pipeline.upload(photo, "going.jpg")
    pipeline.published("web/going.webp")
    pipeline.s3.delete_object(Bucket=pipeline.outputs["source_bucket"], Key="going.jpg")
    eventually(
        lambda: not pipeline.keys("small/going") + pipeline.keys("web/going"),
        what="the removal",
    )


@contextmanager
def without(pipeline: Pipeline, policy: str) -> Iterator[None]:
    """Take one of the role's policies away meanwhile."""
    document = pipeline.iam.get_role_policy(RoleName=ROLE, PolicyName=policy)["PolicyDocument"]
    pipeline.iam.delete_role_policy(RoleName=ROLE, PolicyName=policy)
    try:
        yield
    finally:
        pipeline.iam.put_role_policy(
            RoleName=ROLE, PolicyName=policy, PolicyDocument=json.dumps(document)
        )


def endings(pipeline: Pipeline, key: str) -> list[str]:
    return [line["message"] for line in pipeline.lines(key)]


def test_a_transient_fault_is_retried_to_success(pipeline: Pipeline, photo: Path) -> None:
    with without(pipeline, "write-processed"):
        pipeline.upload(photo, "retried.jpg")
        eventually(lambda: endings(pipeline, "retried.jpg"), what="a first, failed try")
    pipeline.published("small/retried.jpg")
    eventually(lambda: "published" in endings(pipeline, "retried.jpg"), what="a second try")


def test_a_lasting_fault_ends_on_the_failure_queue(pipeline: Pipeline, photo: Path) -> None:
    with without(pipeline, "read-source"):
        pipeline.upload(photo, "lasting.jpg")
        failure = pipeline.failure("lasting.jpg")
    assert failure["requestContext"]["condition"] == "RetriesExhausted"
    assert failure["requestContext"]["approximateInvokeCount"] == 3
    assert "AccessDenied" in json.dumps(failure["responsePayload"])
    assert endings(pipeline, "lasting.jpg") == ["failed"] * 3


def test_what_failed_can_be_sent_again(pipeline: Pipeline, photo: Path) -> None:
    with without(pipeline, "read-source"):
        pipeline.upload(photo, "again.jpg")
        eventually(lambda: endings(pipeline, "again.jpg") == ["failed"] * 3, what="three failures")
    eventually(lambda: "again.jpg" in redrive(pipeline, "--dry-run"), what="the message")
    assert "again.jpg" in redrive(pipeline, "--yes")
    pipeline.published("small/again.jpg")
    assert "0 of" in redrive(pipeline, "--dry-run")


def redrive(pipeline: Pipeline, option: str) -> str:
    """Run the tool as `make redrive` does and return what it prints."""
    return processes.run(
        *(sys.executable, str(ROOT / "tools" / "redrive.py"), "--reason", "RetriesExhausted"),
        *("--queue-url", pipeline.outputs["failure_queue_url"]),
        *("--function", pipeline.outputs["function_name"], option),
        environment=pipeline.cloud.environment,
    )
