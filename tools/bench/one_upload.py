"""Time one upload through the function's handler and a tutorial's, in a fresh process.

python -m bench.one_upload ROUNDS FILE WIDTH… prints both measurements as JSON.
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

from tests.factories import Context, environment, record, variants
from tools.bench.s3 import ENDPOINT, MemoryS3, longest_wait

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SOURCE, PROCESSED = "source", "processed"

Event: TypeAlias = Mapping[str, Any]
Handler: TypeAlias = Callable[[Event, LambdaContext], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The best time of one handler for one upload, and its requests to S3."""

    milliseconds: float
    waited: float  # milliseconds of latency on the critical path
    requests: Mapping[str, int]


def measured(file: Path, widths: Sequence[int], rounds: int) -> dict[str, Measured]:
    """Return each handler's measurements for *file*, from interleaved rounds."""
    s3 = MemoryS3()
    handlers = handlers_of(s3, widths)
    # Work hides latency that it overlaps, so waits are measured on a picture that takes no work.
    small = uploaded(s3, f"small{file.suffix}", _small(file))
    event = uploaded(s3, file.name, file.read_bytes())
    found: dict[str, list[Measured]] = {name: [] for name in handlers}
    for _ in range(rounds):
        for name, handler in handlers.items():
            milliseconds_of(handler, small, s3)
            waited = longest_wait(s3.calls) * 1e3
            milliseconds = milliseconds_of(handler, event, s3)
            requests = Counter(call.method for call in s3.calls)
            assert len(s3.keys(PROCESSED)) >= len(widths), name  # noqa: S101 - otherwise there is nothing to time
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
    """Return the handlers by name, with *s3* answering their clients."""
    # The function's logger and settings read the environment when they are imported or called.
    os.environ |= _environment(widths)
    import index

    # Both share one session, so that *s3* answers every client, whichever module creates it.
    session = index._session()  # noqa: SLF001 - the function itself needs no public one
    # Handlers of this event may return a response, though its type does not say so.
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
    """Return a handler as tutorials write it: download, then scale and upload each size in turn."""

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
    """Empty the processed bucket, let *handler* process *event*, and return the milliseconds."""
    s3.empty(PROCESSED)
    s3.calls = []
    start = time.perf_counter()
    handler(event, Context())
    return (time.perf_counter() - start) * 1e3


def main(rounds: str, file: str, *widths: str) -> None:
    """Run from the command line."""
    # The function's package has no NumPy, but one of its libraries loads it where it is installed.
    # None is how Python is told that a module cannot be imported.
    sys.modules["numpy"] = None  # type: ignore[assignment]
    with Path(os.devnull).open("w") as log, redirect_stdout(log):
        found = measured(Path(file), [int(width) for width in widths], int(rounds))
    print(json.dumps({name: asdict(each) for name, each in found.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
