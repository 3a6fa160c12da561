"""One upload by the function's handler beside a tutorial's, in a fresh process.

python -m bench.one_upload ROUNDS FILE WIDTH… prints what both take, as JSON.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote_plus

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from PIL import Image

from tests.factories import environment, record, variants
from tools.bench.s3 import ENDPOINT, MemoryS3, longest_wait

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SOURCE, PROCESSED = "source", "processed"

Event: TypeAlias = Mapping[str, Any]
Handler: TypeAlias = Callable[[Event, LambdaContext], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one handler takes for one upload, at its best, and what it asks of S3."""

    milliseconds: float
    waited: float  # the milliseconds of latency that nothing but latency follows
    requests: Mapping[str, int]


class Context(LambdaContext):
    """An invocation that has just begun."""

    def __init__(self) -> None:
        self._function_name = "processor"
        self._memory_limit_in_mb = 1769
        self._invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:processor"
        self._aws_request_id = "52fdfc07-2182-454f-963f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # theirs is static
        return 60_000


def measured(file: Path, widths: Sequence[int], rounds: int) -> dict[str, Measured]:
    """Return what each handler takes for *file*, from interleaved rounds."""
    s3 = MemoryS3()
    handlers = handlers_of(s3, widths)
    # Work that a call overlaps with is no wait, so waits are those of a picture without work.
    small = uploaded(s3, f"small{file.suffix}", _small(file))
    event = uploaded(s3, file.name, file.read_bytes())
    found: dict[str, list[Measured]] = {name: [] for name in handlers}
    for _ in range(rounds):
        for name, handler in handlers.items():
            milliseconds_of(handler, small, s3)
            waited = longest_wait(s3.calls) * 1e3
            milliseconds = milliseconds_of(handler, event, s3)
            requests = Counter(call.method for call in s3.calls)
            assert len(s3.keys(PROCESSED)) >= len(widths), name  # noqa: S101 - or it is no result
            found[name].append(
                Measured(milliseconds=milliseconds, waited=waited, requests=dict(requests))
            )
    return {
        name: Measured(
            milliseconds=min(one.milliseconds for one in its),
            waited=min(one.waited for one in its),
            requests=its[0].requests,
        )
        for name, its in found.items()
    }


def uploaded(s3: MemoryS3, key: str, body: bytes) -> Event:
    etag = s3.upload(SOURCE, key, body)
    return {"Records": [record(key, bucket=SOURCE, etag=etag, size=len(body))]}


def _small(file: Path) -> bytes:
    buffer = BytesIO()
    with Image.open(file) as image:
        image.convert("RGB").resize((32, 24)).save(buffer, image.format)
    return buffer.getvalue()


def handlers_of(s3: MemoryS3, widths: Sequence[int]) -> dict[str, Handler]:
    """Return the handlers by name, their clients answered by *s3*."""
    # The function's logger and settings take the environment when they are imported, or called.
    os.environ |= _environment(widths)
    import index

    # One session for both, so that every client is answered, made by whichever module.
    session = index._session()  # noqa: SLF001 - the function has no other use for a public one
    # An answer is what this event is for, but its type does not say so.
    session.register("before-send.s3", s3)  # type: ignore[arg-type]
    boto3.setup_default_session(botocore_session=session)
    return {
        "pipeline": index.handler,
        "tutorial": _tutorial(boto3.client("s3"), widths),
    }


def _environment(widths: Sequence[int]) -> dict[str, str]:
    sizes = {f"w{width}": {"width": width, "height": width} for width in widths}
    return {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": ENDPOINT,
        "POWERTOOLS_METRICS_NAMESPACE": "ImagePipeline",
        **environment(
            PROCESSED_BUCKET=PROCESSED,
            KEY_TEMPLATE="{variant}/{directory}{stem}{extension}",
            VARIANTS=variants(**sizes),
        ),
    }


def _tutorial(client: "S3Client", widths: Sequence[int]) -> Handler:
    """Return a handler as tutorials have it: download, then scale and upload size by size."""

    def handler(event: Event, _: LambdaContext) -> None:
        for one in event["Records"]:
            bucket = one["s3"]["bucket"]["name"]
            key = unquote_plus(one["s3"]["object"]["key"])
            body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            for width in widths:
                with Image.open(BytesIO(body)) as image:
                    resized = BytesIO()
                    image.thumbnail((width, width))
                    image.save(resized, image.format)
                client.put_object(Bucket=PROCESSED, Key=f"w{width}/{key}", Body=resized.getvalue())

    return handler


def milliseconds_of(handler: Handler, event: Event, s3: MemoryS3) -> float:
    """Have nothing published yet, and *handler* answer *event*."""
    s3.empty(PROCESSED)
    s3.calls = []
    start = time.perf_counter()
    handler(event, Context())
    return (time.perf_counter() - start) * 1e3


def main(rounds: str, file: str, *widths: str) -> None:
    """Run from the command line."""
    # The function's package has none, and one of its libraries would load it where there is.
    # None is how Python is told that a module cannot be imported.
    sys.modules["numpy"] = None  # type: ignore[assignment]
    with Path(os.devnull).open("w") as log, redirect_stdout(log):
        found = measured(Path(file), [int(width) for width in widths], int(rounds))
    print(json.dumps({name: asdict(each) for name, each in found.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
