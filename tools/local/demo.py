"""Process photographs with the real Terraform and function, on a temporary local cloud."""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from tools import ROOT, subprocesses
from tools.command_line import parse
from tools.local import web_page
from tools.local.cloud import Cloud
from tools.local.contact_sheet import Photograph, Side, draw
from tools.local.downloads import Downloads
from tools.local.server import LocalCloudError
from tools.local.up import HOME, WAITING, deploy, exit_in_a_sentence
from tools.operations.failure import read
from tools.progress import Progress
from tools.settings import Settings, own_settings

RESULTS = ROOT / "build" / "demo"
SHEET = RESULTS / "before-after.jpg"
PAGE = RESULTS / "index.html"
SAMPLES = ROOT / "tools" / "samples"
VARIABLES: Mapping[str, object] = {
    "variants": {"small": {"width": 480, "height": 480}},
    "watermark": {"text": "image-pipeline", "width_percent": 45, "opacity_percent": 80},
}

WEB: Mapping[str, object] = {
    "variants": {"small": {"widths": [240, 480], "formats": ["avif", "webp", "jpeg"]}},
    "key_template": "{directory}{stem}-{width}-{version}{extension}",
    "manifest": {},
}
"""Settings for a web page: used whole, unless the user's settings contain one of `_DECIDES`."""

_DECIDES = {*WEB, "cache_control"}

_PATIENCE_SECONDS = 120
_ON_THE_SHEET = 8
_SIZE = "{width} × {height}"

Line = Mapping[str, Any]
"""The function's log line about a finished upload."""


@dataclass(frozen=True)
class Upload:
    """A photograph and its key in the source bucket."""

    file: Path
    key: str


@dataclass
class Results:
    """The outcomes of the uploads, by key."""

    published: dict[str, Line] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.published.keys() | self.failures.keys())


def demonstrate(given: Sequence[Path], settings: Settings) -> list[Photograph]:
    """Process photographs and leave only the results and a contact sheet of them.

    If there are manifests, also write a web page of the images that they list.

    *given* are files and folders; hidden files are skipped.
    """
    cloud = Cloud(HOME / "demo")
    with Progress() as progress, cloud.claimed(lambda: progress.say(WAITING)):
        cloud.stop()  # in case an earlier demo was killed
        try:
            defaults = {**VARIABLES, **({} if _DECIDES & {*settings.names()} else WEB)}
            outputs = deploy(cloud, progress, defaults, settings)
            values = {**defaults, **settings.values(cloud.environment)}
            environment = cloud.environment
            os.environ.clear()  # this program, too, can reach only the local cloud from here on
            os.environ.update(environment)
            uploads = list(_uploads(given, values.get("trigger_prefix") or ""))
            _upload(given, uploads, outputs["source_bucket"], progress)
            results = Results(failures=dict(_unwatched(uploads, values)))
            _wait(uploads, results, outputs, progress)
            shutil.rmtree(RESULTS, ignore_errors=True)
            RESULTS.mkdir(parents=True)
            downloads = Downloads(boto3.client("s3"), outputs["processed_bucket"], RESULTS)
            shown = [_photograph(upload, results, downloads) for upload in uploads]
            if values.get("manifest") is not None:
                keys = [upload.key for upload in uploads if upload.key in results.published]
                listed = [downloads.manifest(key, values["manifest"]) for key in keys]
                PAGE.write_text(web_page.html(listed))
        finally:
            cloud.stop()
    draw(shown[:_ON_THE_SHEET], SHEET)
    return shown


def _uploads(given: Sequence[Path], prefix: str) -> Iterator[Upload]:
    for path in given:
        if not path.is_dir():
            yield Upload(path, prefix + path.name)
            continue
        for file in sorted(path.rglob("*")):
            name = file.relative_to(path)
            if file.is_file() and not any(part.startswith(".") for part in name.parts):
                yield Upload(file, prefix + name.as_posix())


def _upload(
    given: Sequence[Path], uploads: Sequence[Upload], bucket: str, progress: Progress
) -> None:
    if len(given) == 1 and given[0].is_dir():
        [folder] = given
        prefix = uploads[0].key.removesuffix(uploads[0].file.relative_to(folder).as_posix())
        progress.say(f"aws s3 cp --recursive: {len(uploads)} photographs")
        hidden = ["--exclude=.*", "--exclude=*/.*"]
        words = [str(folder.absolute()), f"s3://{bucket}/{prefix}", "--recursive", *hidden]
        subprocesses.run("aws", "s3", "cp", *words, "--only-show-errors", environment=os.environ)
        return
    for number, upload in enumerate(uploads, 1):
        progress.say(f"aws s3 cp: {number} of {len(uploads)}, {upload.file.name}")
        target = f"s3://{bucket}/{upload.key}"
        file = str(upload.file.absolute())  # a name may begin with a hyphen
        subprocesses.run("aws", "s3", "cp", file, target, environment=os.environ)


def _unwatched(uploads: Sequence[Upload], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the uploads that the settings do not trigger, and the reason."""
    suffixes = tuple(values.get("trigger_suffixes") or ())
    for upload in uploads:
        if suffixes and not upload.key.endswith(suffixes):
            yield upload.key, f"its name ends in none of {', '.join(suffixes)} (trigger_suffixes)"


def _wait(
    uploads: Sequence[Upload], results: Results, outputs: Mapping[str, str], progress: Progress
) -> None:
    """Wait until every upload is processed or rejected, or nothing happens for a while."""
    expected = {upload.key for upload in uploads}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while len(results) < len(expected):
        before = len(results)
        results.published.update(_published(outputs["log_group"]))
        results.failures.update(_failures(outputs["failure_queue_url"]))
        if len(results) > before:
            deadline = time.monotonic() + _PATIENCE_SECONDS
        elif time.monotonic() > deadline:
            raise LocalCloudError(f"nothing has been processed for {_PATIENCE_SECONDS} seconds")
        progress.say(f"{len(results)} of {len(expected)} photographs processed")
        time.sleep(0.3)


def _published(log_group: str) -> Iterator[tuple[str, Line]]:
    for page in (
        boto3.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=log_group, filterPattern="published")
    ):
        for event in page["events"]:
            if event["message"].startswith("{"):
                line = json.loads(event["message"])
                if line.get("published"):
                    yield line["source"]["key"], line


def _failures(queue: str) -> Iterator[tuple[str, str]]:
    response = boto3.client("sqs").receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"]
    )
    for message in response.get("Messages", []):
        failure = read(message)
        for named in failure.objects:
            if named:
                yield named[1], f"{failure.reason}: {failure.detail}"


def _photograph(upload: Upload, results: Results, downloads: Downloads) -> Photograph:
    """Return a photograph with each variant's fallback image for browsers."""
    size = upload.file.stat().st_size
    line = results.published.get(upload.key)
    if line is None:
        failure = results.failures[upload.key]
        return Photograph(before=Side(upload.file, "", size), failure=failure)
    # The last image of a set is the widest of the last format.
    sides = {image["variant"]: _side(image, downloads) for image in line["published"]}
    return Photograph(
        before=Side(upload.file, _SIZE.format(**line["picture"]["size"]), size),
        after=[*sides.values()],
        milliseconds=line["milliseconds"]["total"],
    )


def _side(image: Mapping[str, Any], downloads: Downloads) -> Side:
    file = downloads.file(image["key"])
    return Side(file, _SIZE.format(**image), image["bytes"], image["variant"])


def _table(photographs: Sequence[Photograph]) -> Iterator[str]:
    names = max(len(shown.name) for shown in photographs)
    variants = {side.variant for shown in photographs for side in shown.after}
    widest = max(map(len, variants), default=0) + 1 if len(variants) > 1 else 0
    yield f"{'':{names}}  {'before':>22}  {'':{widest}}{'after':>22}  {'took':>7}"
    for shown in photographs:
        start = f"{shown.name:{names}}  {shown.before.text:>22}"
        if not shown.after:
            yield f"{start}  {shown.failure}"
        for number, side in enumerate(shown.after):
            variant = f"{side.variant:{widest}}" if widest else ""
            took = "" if number else f"  {shown.milliseconds:4.0f} ms"
            yield f"{start}  {variant}{side.text:>22}{took}"
            start = " " * len(start)


def main() -> None:
    """Read the command line, demonstrate, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", default="", help="a file of variables, not terraform.tfvars")
    parser.add_argument("--photo", type=Path, help="a file or a folder of photographs")
    arguments = parse(parser)
    photos = sorted(path for path in SAMPLES.iterdir() if path.suffix != ".md")
    if arguments.photo:
        photos = [arguments.photo.expanduser()]
        if not photos[0].exists():
            sys.exit(f"There is no file {photos[0]}.")
    if not list(_uploads(photos, "")):
        sys.exit(f"There are no photographs in {', '.join(map(str, photos))}.")
    with exit_in_a_sentence():
        settings = own_settings(arguments.settings)
        photographs = demonstrate(photos, settings)
    print("\n".join(_table(photographs)))
    if settings.files:
        print(f"\nSettings: {settings}.")
    print(f"\nThe results and {SHEET.name} are in {os.path.relpath(RESULTS)}.")
    if PAGE.exists():
        print(f"A web page of them, made from their manifests: {os.path.relpath(PAGE)}")
    else:
        print("There is no web page of them, because the settings have no manifest.")
    if failures := sum(1 for shown in photographs if not shown.after):
        sys.exit(f"{failures} of {len(photographs)} photographs have no result: see above.")
