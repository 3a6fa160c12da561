"""Compare processing a source while it downloads with processing it afterwards.

python -m bench.download FOLDER MEGABYTES_PER_SECOND serves the files as S3 would, at that rate.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
from pipeline.aws.client import CLIENT_CONFIG
from pipeline.aws.storage import Storage

from tools.bench.engines import processed
from tools.bench.work import Work

RATES = (0, 80)
"""Megabytes a second; 0 means as fast as loopback allows. One connection to S3 gives 50 to 100."""

_ROUNDS = 15
_BLOCK = 64 << 10


def medians(work: Work, file: Path, rate: float) -> tuple[float, float]:
    """Return the milliseconds from request to results: while downloading, and afterwards."""
    lazily: list[float] = []
    wholly: list[float] = []
    with _storage(file.parent.parent, rate) as storage:
        for _ in range(_ROUNDS):
            lazily.append(_timed(work, storage, file, whole=False))
            wholly.append(_timed(work, storage, file, whole=True))
    return statistics.median(lazily), statistics.median(wholly)


def _timed(work: Work, storage: Storage, file: Path, *, whole: bool) -> float:
    start = time.perf_counter()
    with storage.get_source(file.parent.name, file.name) as found:
        assert found.body is not None, file  # noqa: S101 - otherwise there is nothing to time
        processed(work, BytesIO(found.body.read()) if whole else found.body)
    return (time.perf_counter() - start) * 1e3


@contextmanager
def _storage(folder: Path, rate: float) -> Iterator[Storage]:
    command = [sys.executable, "-m", "tools.bench.download", str(folder), str(rate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None  # noqa: S101 - opened with a pipe
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{int(server.stdout.readline())}",
            aws_access_key_id="none",
            aws_secret_access_key="none",  # noqa: S106 - the server checks no credentials
            region_name="eu-west-1",
            config=CLIENT_CONFIG,
        )
        try:
            yield Storage(client, processed_bucket="none")
        finally:
            server.terminate()


class _Handler(SimpleHTTPRequestHandler):
    """Answers S3's GET, which without versions and conditions is plain HTTP."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: Any, rate: float, **options: Any) -> None:
        self._rate = rate
        super().__init__(*arguments, **options)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        start, sent = time.perf_counter(), 0
        while block := source.read(_BLOCK):
            outputfile.write(block)
            sent += len(block)
            if self._rate:
                due = start + sent / (self._rate * 1e6)
                time.sleep(max(0, due - time.perf_counter()))

    def end_headers(self) -> None:
        self.send_header("ETag", '"none"')
        super().end_headers()

    def log_message(self, *_: Any) -> None: ...


def main(folder: str, rate: str) -> None:
    """Run from the command line."""
    # S3 does not compete with the function for a processor.
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    handler = partial(_Handler, directory=folder, rate=float(rate))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
