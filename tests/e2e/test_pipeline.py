"""From an upload to pixels, failures and logs, by either route.

A key reaches the function in a form-encoded notification or, unencoded, through EventBridge and a
state machine; the results must be the same.
"""

import sys
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from tests.e2e.conftest import Pipeline, eventually
from tests.e2e.routes import DirectRoute, Route, WorkflowRoute
from tests.e2e.upload_api import without
from tests.factories import picture
from tools import ROOT, subprocesses

RED = (200, 30, 60)

direct = pytest.mark.parametrize("route", ["direct"], indirect=True)
# What does not depend on the type of the state machine, whose definition differs in its delays.
either = pytest.mark.parametrize("route", ["direct", "express"], indirect=True)


@pytest.fixture(scope="module", params=["direct", "express", "standard"])
def route(pipeline: Pipeline, request: pytest.FixtureRequest) -> Route:
    if request.param == "direct":
        return DirectRoute(pipeline)
    return WorkflowRoute(pipeline, type=request.param)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture(300, 200, color=RED))
    return file


def images(pipeline: Pipeline, name: str) -> list[str]:
    """Return the keys of the images of the upload *name*."""
    return pipeline.keys(f"small/{name}") + pipeline.keys(f"web/{name}")


def test_a_plan_after_an_apply_is_empty(pipeline: Pipeline, route: Route) -> None:
    assert not pipeline.terraform.has_changes(), route.name


def test_an_upload_with_the_cli_gets_an_image_of_every_variant(
    pipeline: Pipeline, route: Route, photo: Path
) -> None:
    key = f"{route.name}/tom.jpg"
    target = f"s3://{pipeline.outputs['source_bucket']}/{key}"
    subprocesses.run(
        *("aws", "s3", "cp", str(photo), target, "--only-show-errors"),
        environment=pipeline.cloud.environment,
    )
    small = pipeline.published(f"small/{key}")
    web = pipeline.published(f"web/{route.name}/tom.webp")

    assert (small.format, small.size) == ("JPEG", (120, 80))
    assert (web.format, web.size) == ("WEBP", (60, 40))
    assert pipeline.content_type(f"web/{route.name}/tom.webp") == "image/webp"
    assert ImageStat.Stat(web.convert("RGB")).mean == pytest.approx(RED, abs=3)
    assert route.has_succeeded(key)


@direct
def test_the_watermark_is_in_its_place_and_nowhere_else(
    pipeline: Pipeline, route: Route, photo: Path
) -> None:
    pipeline.upload(photo, "marked.jpg")
    small = pipeline.published("small/marked.jpg").convert("RGB")
    corner = ImageStat.Stat(small.crop((0, 0, 40, 20)))
    rest = ImageStat.Stat(small.crop((40, 30, 120, 80)))
    assert max(corner.stddev) > 10
    assert max(rest.stddev) < 3


@either
@pytest.mark.parametrize(
    "name", ["a b+c%é", "100% +1", "катя/ネコ 🐈", "a&b=c?d#e", "quote'\"", "x" * 980]
)
def test_keys_are_preserved(pipeline: Pipeline, route: Route, photo: Path, name: str) -> None:
    key = f"{route.name}/{name}.jpg"
    pipeline.upload(photo, key)
    assert pipeline.published(f"small/{key}").size == (120, 80)
    assert route.has_succeeded(key)


@direct
def test_a_multipart_upload_is_an_upload(pipeline: Pipeline, route: Route, tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    Image.effect_noise((3800, 3800), 200).save(file, compress_level=1)
    assert file.stat().st_size > 8 * 1024 * 1024  # the CLI's threshold for multipart uploads
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
    pipeline: Pipeline, route: Route, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    key = f"{route.name}/{name}"
    file = tmp_path / name
    file.write_bytes(content)
    pipeline.upload(file, key)
    failure = pipeline.failure(key)
    assert failure["rejection"]["reason"] == reason
    assert failure["rejection"]["source"]["key"] == key
    assert route.has_succeeded(key)
    assert endings(pipeline, key) == ["rejected"]
    assert images(pipeline, key.partition(".")[0]) == []


@direct
def test_every_upload_is_logged_in_one_line(pipeline: Pipeline, route: Route, photo: Path) -> None:
    pipeline.upload(photo, "logged.jpg")
    pipeline.published("small/logged.jpg")
    [line] = eventually(lambda: pipeline.lines("logged.jpg"), what="log line")
    assert line["message"] == "published"
    assert [image["key"] for image in line["published"]] == [
        "small/logged.jpg",
        "web/logged.webp",
    ]


@direct
def test_a_newer_upload_replaces_the_older_one(
    pipeline: Pipeline, route: Route, photo: Path, tmp_path: Path
) -> None:
    pipeline.upload(photo, "twice.jpg")
    pipeline.published("web/twice.webp")
    newer = tmp_path / "newer.jpg"
    newer.write_bytes(picture(60, 60, color=(0, 0, 200)))
    pipeline.upload(newer, "twice.jpg")
    eventually(lambda: pipeline.published("web/twice.webp").size == (60, 60), what="the newer one")


def test_removing_a_source_removes_its_images(
    pipeline: Pipeline, route: Route, photo: Path
) -> None:
    key = f"{route.name}/going.jpg"
    pipeline.upload(photo, key)
    assert route.has_succeeded(key)
    assert images(pipeline, f"{route.name}/going")
    pipeline.s3.delete_object(Bucket=pipeline.outputs["source_bucket"], Key=key)
    eventually(lambda: not images(pipeline, f"{route.name}/going"), what="the removal")


def endings(pipeline: Pipeline, key: str) -> list[str]:
    """Return the outcomes of the attempts to process *key* from the log."""
    messages = [line["message"] for line in pipeline.lines(key)]
    return [message for message in messages if message != "inspected"]


def test_a_transient_fault_is_retried_to_success(
    pipeline: Pipeline, route: Route, photo: Path
) -> None:
    key = f"{route.name}/retried.jpg"
    with without(pipeline, "write-processed"):
        pipeline.upload(photo, key)
        eventually(lambda: "failed" in endings(pipeline, key), what="a first, failed attempt")
    assert pipeline.published(f"small/{key}").size == (120, 80)
    assert route.has_succeeded(key)
    assert endings(pipeline, key)[-1] == "published"


@either  # the standard machine retries for hours, and reports like a failing review
def test_a_lasting_fault_ends_on_the_failure_queue(
    pipeline: Pipeline, route: Route, photo: Path
) -> None:
    key = f"{route.name}/lasting.jpg"
    with without(pipeline, "read-source"):
        pipeline.upload(photo, key)
        failure = pipeline.failure(key)
    assert failure["requestContext"]["condition"] == "RetriesExhausted"
    assert failure["responsePayload"]["errorType"] == "TransientFailure"
    assert "AccessDenied" in failure["responsePayload"]["errorMessage"]
    assert route.has_failed(key)
    assert images(pipeline, f"{route.name}/lasting") == []


@either
def test_a_failed_upload_can_be_redriven(pipeline: Pipeline, route: Route, photo: Path) -> None:
    key = f"{route.name}/again.jpg"
    with without(pipeline, "read-source"):
        pipeline.upload(photo, key)
        assert route.has_failed(key)
    pipeline.message(key)
    assert key in redrive(pipeline, route, "--yes", "--reason", "RetriesExhausted")
    assert pipeline.published(f"small/{key}").size == (120, 80)
    assert key not in redrive(pipeline, route, "--dry-run")


def redrive(pipeline: Pipeline, route: Route, *options: str) -> str:
    """Run the tool as `make redrive` does and return its output."""
    return subprocesses.run(
        *(sys.executable, str(ROOT / "tools"), "redrive", *options),
        *("--queue", pipeline.outputs["failure_queue_url"]),
        *route.redrive_options(),
        environment=pipeline.cloud.environment,
    )
