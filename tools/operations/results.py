"""Read and report the results of a backfill, which Step Functions writes to S3."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.operations.terminal import printable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FEW = 3

_WORDS = {
    "published": "made",
    "current": "up to date already",
    "superseded": "gone or replaced meanwhile",
    "skipped": "skipped: folders, or the pipeline's own files",
    "kept": "kept: their sources have them",
    "stale": "that no current variant produces",
    "gone": "whose source does not exist",
    "unresolved": "not known to be of this pipeline, and left alone",
}


@dataclass(frozen=True, kw_only=True)
class Results:
    """The number of objects by status, and the objects that need attention.

    *rejections* have a key, a reason and a message. *failures* counts the objects in batches that
    failed or were stopped, by error; some of them may be done. *untried* counts those in batches
    that did not start.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    rejections: list[Mapping[str, str]] = field(default_factory=list)
    unreviewed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    untried: int = 0

    @property
    def is_complete(self) -> bool:
        return not self.failures and not self.untried


def read(s3: "S3Client", bucket: str, prefix: str) -> Results | None:
    """Return the results under *prefix*, the folder of one execution; None if there are none."""
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    manifests = [entry["Key"] for entry in listed if entry["Key"].endswith("/manifest.json")]
    if not manifests:
        return None
    results, untried = Results(), 0
    for key in manifests:
        for name, files in _body(s3, bucket, key)["ResultFiles"].items():
            for file in files:
                for batch in _body(s3, bucket, file["Key"]):
                    if name == "SUCCEEDED":
                        _add(results, json.loads(batch["Output"]))
                    elif name == "FAILED":
                        results.failures[_error(batch)] += _items(batch)
                    else:
                        untried += _items(batch)
    return Results(**{**vars(results), "untried": untried})


def report(results: Results) -> Iterator[str]:
    """Yield a line for every status, with examples of the objects that need attention."""
    for status, number in results.statuses.most_common():
        if status not in ("rejected", "unreviewed"):
            yield f"{number:,} {_WORDS.get(status, printable(status))}"
    for reason, number in Counter(each["reason"] for each in results.rejections).most_common():
        keys = [each["key"] for each in results.rejections if each["reason"] == reason]
        yield f"{number:,} rejected, {printable(reason)}: {some(keys)}"
    if results.unreviewed:
        yield f"{len(results.unreviewed):,} not reviewed yet: {some(results.unreviewed)}"
    for word, keys in (("gone", results.gone), ("unresolved", results.unresolved)):
        if keys:
            yield f"{word}: {some(keys)}"
    for error, number in results.failures.most_common():
        yield f"{number:,} in batches that failed, {printable(error)}"
    if results.untried:
        yield f"{results.untried:,} not tried"
    if not results.is_complete:
        yield "Run it again: finished objects are skipped."


def lines(results: Results) -> Iterator[str]:
    """Yield a line of JSON for every object that needs attention."""
    for rejection in results.rejections:
        yield json.dumps(rejection)
    for key in results.unreviewed:
        yield json.dumps(
            {"key": key, "reason": "unreviewed", "message": "no review has allowed it"}
        )


def _add(results: Results, response: Mapping[str, Any]) -> None:
    results.statuses.update(response["statuses"])
    results.rejections.extend(response["rejections"])
    results.unreviewed.extend(response["unreviewed"])
    results.gone.extend(response["gone"])
    results.unresolved.extend(response["unresolved"])


def _items(batch: Mapping[str, Any]) -> int:
    return len(json.loads(batch["Input"])["Items"])


def _error(batch: Mapping[str, Any]) -> str:
    """Return the error of a batch in the function's own words, if it was the function's."""
    if batch["Status"] == "ABORTED":
        return "stopped"
    cause = batch.get("Cause", "")
    with suppress(ValueError, TypeError, KeyError):
        cause = json.loads(cause)["errorMessage"]
    return f"{batch.get('Error', batch['Status'])}: {cause}"


def some(keys: list[str]) -> str:
    """Return a few of *keys*, safe for a terminal."""
    # In quotes, as a key can end in a space or contain a comma.
    shown = ", ".join(f'"{printable(key)}"' for key in keys[:FEW])
    return f"{shown}, …" if len(keys) > FEW else shown


def _body(s3: "S3Client", bucket: str, key: str) -> Any:
    return json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
