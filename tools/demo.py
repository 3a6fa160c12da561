"""Photographs through the real Terraform and the real function, on a local cloud of their own."""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import boto3
import processes
from cloud import Cloud, LocalCloudError
from contact_sheet import Photograph, Side, draw
from local import HOME, deploy, exit_in_a_sentence
from progress import Progress
from terraform import ROOT

RESULTS = ROOT / "build" / "demo"
SHEET = RESULTS / "before-after.jpg"
SAMPLES = Path(__file__).with_name("samples")
VARIABLES: Mapping[str, object] = {
    "variants": {"small": {"width": 480, "height": 480}},
    "watermark": {"text": "image-pipeline", "width_percent": 45, "opacity_percent": 80},
}

_PATIENCE_SECONDS = 120

Line = Mapping[str, Any]
"""The function's log line about a finished upload."""


def demonstrate(photos: Sequence[Path]) -> list[Photograph]:
    """Have *photos* processed; leave the results, a contact sheet of them, and nothing else."""
    cloud = Cloud(HOME / "demo")
    cloud.stop()  # should an earlier demonstration have been killed
    try:
        with Progress() as progress:
            outputs = deploy(cloud, progress, **VARIABLES)
            environment = cloud.environment
            os.environ.clear()  # from here on this program, too, knows the local cloud alone
            os.environ.update(environment)
            _upload(photos, outputs["source_bucket"], progress)
            published, failures = _wait(photos, outputs, progress)
            results = _fetch(published, outputs["processed_bucket"])
    except BaseException:
        cloud.forget()
        raise
    cloud.stop()
    shown = [
        _photograph(photo, published.get(photo.name), results, failures.get(photo.name))
        for photo in photos
    ]
    draw(shown, SHEET)
    return shown


def _upload(photos: Sequence[Path], bucket: str, progress: Progress) -> None:
    for number, photo in enumerate(photos, 1):
        progress.say(f"aws s3 cp: {number} of {len(photos)}, {photo.name}")
        target = f"s3://{bucket}/{photo.name}"
        file = str(photo.absolute())  # a name may begin with a hyphen
        processes.run("aws", "s3", "cp", file, target, environment=os.environ)


def _wait(
    photos: Sequence[Path], outputs: Mapping[str, str], progress: Progress
) -> tuple[dict[str, Line], dict[str, str]]:
    """Wait until every photo has ended, one way or the other.

    Returns the log line of each that was published and the reason of each that was not, by key.
    """
    published: dict[str, Line] = {}
    failures: dict[str, str] = {}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while len(published) + len(failures) < len(photos):
        if time.monotonic() > deadline:
            raise LocalCloudError(f"no result after {_PATIENCE_SECONDS} seconds")
        published |= dict(_published(outputs["log_group"]))
        failures |= dict(_failures(outputs["failure_queue_url"]))
        progress.say(f"{len(published) + len(failures)} of {len(photos)} photographs processed")
        time.sleep(0.2)
    return published, failures


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
    answer = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        failure = json.loads(message["Body"])
        if "rejection" in failure:
            reason = "{reason}: {message}".format(**failure["rejection"])
        else:
            reason = failure["responsePayload"]["errorMessage"]
        for record in failure["requestPayload"]["Records"]:
            yield unquote_plus(record["s3"]["object"]["key"]), reason


def _fetch(published: Mapping[str, Line], bucket: str) -> dict[str, Path]:
    """Download each result; return the files by the keys of their sources."""
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    files = {}
    for key, line in published.items():
        [rendition] = line["published"]
        files[key] = RESULTS / rendition["key"]
        boto3.client("s3").download_file(bucket, rendition["key"], str(files[key]))
    return files


def _photograph(
    photo: Path, line: Line | None, results: Mapping[str, Path], failure: str | None
) -> Photograph:
    size = photo.stat().st_size
    if line is None:
        return Photograph(before=Side(photo, "", size), failure=failure or "")
    picture, [rendition] = line["picture"], line["published"]
    return Photograph(
        before=Side(photo, "{width} × {height}".format(**picture["size"]), size),
        after=Side(
            results[photo.name], "{width} × {height}".format(**rendition), rendition["bytes"]
        ),
        milliseconds=line["milliseconds"]["total"],
    )


def _table(photographs: Sequence[Photograph]) -> Iterator[str]:
    width = max(len(shown.name) for shown in photographs)
    yield f"{'':{width}}  {'before':>22}  {'after':>22}  {'took':>7}"
    for shown in photographs:
        row = f"{shown.name:{width}}  {shown.before.text:>22}"
        if shown.after:
            yield f"{row}  {shown.after.text:>22}  {shown.milliseconds:4.0f} ms"
        else:
            yield f"{row}  {shown.failure}"


def main() -> None:
    """Read the command line, demonstrate, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", nargs="*", type=Path, help="instead of the sample photographs")
    given = [photo.expanduser() for photo in parser.parse_args().photo]
    photos = given or sorted(path for path in SAMPLES.iterdir() if path.suffix != ".md")
    if missing := [str(photo) for photo in photos if not photo.is_file()]:
        sys.exit(f"There is no file {', '.join(missing)}.")
    with exit_in_a_sentence():
        photographs = demonstrate(photos)
    print("\n".join(_table(photographs)))
    print(f"\nThe results and {SHEET.name} are in {os.path.relpath(RESULTS)}.")
    if any(shown.failure for shown in photographs):
        sys.exit(1)


if __name__ == "__main__":
    main()
