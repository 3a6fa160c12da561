"""Hostile files, sent through one handler that renders in the sandbox."""

import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from time import process_time
from typing import TYPE_CHECKING, Any, BinaryIO

import index
import pytest
from PIL import Image
from pipeline.aws.storage import Storage
from pipeline.model import Format, Source, Style
from pipeline.sandbox import Sandbox, frames, launch
from pipeline.sandbox.frames import Frame
from pipeline.sandbox.launch import START

from tests.aws.invoking import handle, upload
from tests.factories import picture
from tests.unit.imaging.bombs import BOMBS
from tests.unit.imaging.multiplied import multiplied
from tests.unit.sandbox import attackers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

pytestmark = [
    pytest.mark.usefixtures("configured"),
    pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only"),
]

FUNCTION_BYTES = 1769 << 20
HANDLER_BYTES = 256 << 20  # the handler alone; it uses 57 MB before the first upload
MOST_SECONDS = 10

# These stay within the limits and are published.
HARMLESS = {
    "png at the limit",
    "png profile that inflates",
    "png text that inflates",
    "png unicode text that inflates",
    "png chain of profile stages",
    "bmp at the limit",
    "tiff strips",
    "jpeg restart markers",
    "jpeg with a large profile",
    "jpeg 2000 at the limit",
}

# Python reads these headers piece by piece, in about the time limit of a header.
DEPENDING_ON_THE_MACHINE = {
    "png with many texts",
    "gif with a million frames",
    "tiff with many strips",
    "jpeg with a million comments",
}

STYLE = Style(
    watermark=None,
    background=(255, 255, 255),
    keep_copyright=False,
    keep_provenance=True,
    exif_facts=(),
    blurred_placeholder=False,
)


@pytest.fixture
def render_in(
    configured: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Sandbox]]:
    """Make the handler render in a sandbox, with the default limits of a function."""
    monkeypatch.setenv("MAX_MEGAPIXELS", "150")
    monkeypatch.setenv("MAX_SOURCE_MEGABYTES", "100")
    with ExitStack() as stack:

        def render_in(program: str) -> Sandbox:
            sandbox = Sandbox(STYLE, required=True, report=lambda _, __: None, program=program)
            stack.callback(sandbox.close)
            monkeypatch.setattr(index, "_renderer", lambda: sandbox)
            return sandbox

        yield render_in


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """The CPU time and peak memory of each ended child of the sandbox."""
    taken = []

    def receive(descriptor: int) -> Frame | None:
        frame = frames.receive(descriptor)
        if frame is not None and frame.kind == "ended":
            taken.append(frame.fields)
        return frame

    monkeypatch.setattr(launch, "receive", receive)
    return taken


def multiplied_ones() -> Iterator[tuple[str, bytes]]:
    """Yield systematic bombs: all multiplied counts and nestings, and some sizes.

    `make fuzz` tries all sizes.
    """
    for format_ in Format:
        for number, (name, file) in enumerate(multiplied(format_)):
            if "size" not in name or number % 160 == 0:
                yield f"{number} of {format_}", file


def test_no_bomb_crashes_the_handler(
    s3: "S3Client",
    sqs: "SQSClient",
    failure_queue_url: str,
    children: list[Mapping[str, Any]],
    render_in: Callable[[str], Sandbox],
) -> None:
    render_in(START)
    reasons, seconds = {}, {}
    for name, file in chain(((name, bomb()) for name, bomb in BOMBS.items()), multiplied_ones()):
        event = upload(s3, name, file)
        start = process_time()
        result = handle(event)
        seconds[name] = process_time() - start
        if result == {"rejected": 1}:
            [message] = sqs.receive_message(QueueUrl=failure_queue_url)["Messages"]
            sqs.delete_message(QueueUrl=failure_queue_url, ReceiptHandle=message["ReceiptHandle"])
            reasons[name] = json.loads(message["Body"])["rejection"]["reason"]

    # At least one bomb of every format is rejected.
    assert {name.rpartition(" of ")[2] for name in reasons.keys() - BOMBS.keys()} == {*Format}
    assert BOMBS.keys() - reasons.keys() - DEPENDING_ON_THE_MACHINE == HARMLESS
    assert set(reasons.values()) == {"image-too-large", "corrupt-image", "unsupported-format"}
    assert handle(upload(s3, "a.jpg", picture(300, 200))) == {"published": 1}
    body = s3.get_object(Bucket="processed", Key="a.jpg")["Body"]
    with Image.open(io.BytesIO(body.read())) as image:
        assert image.size == (100, 67)

    # CPU time, because wall time depends on the machine's load.
    assert {name: took for name, took in seconds.items() if took > MOST_SECONDS} == {}
    assert len(children) > len(BOMBS)
    assert max(child["cpu_seconds"] for child in children) < MOST_SECONDS
    assert HANDLER_BYTES + max(child["memory_bytes"] for child in children) < FUNCTION_BYTES


def test_after_a_crash_the_source_is_read_again_by_its_etag(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch, render_in: Callable[[str], Sandbox]
) -> None:
    reopened = []

    class Recorder(Storage):
        def reopen_source(self, source: Source) -> BinaryIO:
            reopened.append(source)
            return super().reopen_source(source)

    monkeypatch.setattr(index, "_storage", lambda: Recorder(s3, processed_bucket="processed"))
    render_in(attackers.program(attackers.crash))
    assert handle(upload(s3, "a.jpg", picture())) == {"rejected": 1}
    head = s3.head_object(Bucket="source", Key="a.jpg")
    assert [source.version for source in reopened] == [head["VersionId"]]
