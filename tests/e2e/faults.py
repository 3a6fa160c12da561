"""Faults for a local cloud: an S3 that is slow and fails, and workers that are killed or starved.

The proxy is our own because microburst 0.10 answers HEAD without a Content-Length, and cannot lose
a response without a body: the hardest fault for conditional writes.
"""

import os
import random
import resource
import signal
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from http.client import HTTPResponse, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Final
from urllib.parse import urlsplit

from tools.local.cloud import Cloud


class Fault(StrEnum):
    """What goes wrong: the first four with a request to S3, the others with a worker process."""

    SLOW = "answered slowly"
    SLOW_DOWN = "answered 503 SlowDown"
    REFUSED = "cut off before it was done"
    LOST = "cut off after it was done"
    KILLED = "worker killed"
    STARVED = "worker out of memory"


SHARES: Final = {
    Fault.SLOW: 0.15,
    Fault.SLOW_DOWN: 0.05,
    Fault.REFUSED: 0.02,
    Fault.LOST: 0.03,
}

REQUESTS_PER_STRIKE: Final = 40
"""Worker faults are proportional to completed work, or a slow machine would complete none."""

STARTING_SECONDS: Final = 5
"""If a worker ends while it starts, the local cloud ends all the others."""

_SLOW_DOWN: Final = b"<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>"

_OF_ONE_CONNECTION: Final = {"connection", "content-length", "keep-alive", "transfer-encoding"}


class FaultyProxy(ThreadingHTTPServer):
    """A plain HTTP proxy on 127.0.0.1 that forwards to *cloud* by HTTPS."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, cloud: Cloud, injected: Counter[Fault]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.requests = 0
        self.last_request = time.monotonic()
        self._injected = injected
        self._upstream = urlsplit(cloud.endpoint).netloc
        self._trust = ssl.create_default_context(cafile=str(cloud.home / "authority.pem"))

    def draw(self) -> Fault | None:
        """Choose the fault of the current request."""
        self.requests += 1
        self.last_request = time.monotonic()
        number = random.random()
        for fault, share in SHARES.items():
            number -= share
            if number < 0:
                self._injected[fault] += 1
                return fault
        return None

    def connect(self) -> HTTPSConnection:
        return HTTPSConnection(self._upstream, context=self._trust)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing about a client that was killed during its request."""


class _Handler(BaseHTTPRequestHandler):
    """A client's connection, and its connection to the cloud."""

    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def setup(self) -> None:
        super().setup()
        self._upstream = self.server.connect()

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def _respond(self) -> None:
        # Without TLS the SDK sends no body in chunks.
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.draw()
        if fault is Fault.REFUSED:
            self.close_connection = True
            return
        if fault is Fault.SLOW_DOWN:
            self._begin(503, {"Content-Type": "application/xml"}, len(_SLOW_DOWN))
            self.wfile.write(b"" if self.command == "HEAD" else _SLOW_DOWN)
            return
        if fault is Fault.SLOW:
            time.sleep(random.uniform(0.05, 0.5))
        response = self._forwarded(body)
        content = response.read()
        length = (
            response.getheader("Content-Length", "0") if self.command == "HEAD" else len(content)
        )
        if fault is Fault.LOST:
            self.close_connection = True
            # A response without content is lost, of any other one half is sent.
            content = content[: len(content) // 2]
            if not content:
                return
        self._begin(response.status, dict(response.getheaders()), length)
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_DELETE = _respond  # noqa: N815 - the base class calls them so

    def _forwarded(self, body: bytes) -> HTTPResponse:
        # The base class has said to continue already.
        headers = {name: value for name, value in self.headers.items() if name != "Expect"}
        self._upstream.request(self.command, self.path, body, headers)
        return self._upstream.getresponse()

    def _begin(self, status: int, headers: Mapping[str, str], length: int | str) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _OF_ONE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()


@contextmanager
def faulty_s3(cloud: Cloud, injected: Counter[Fault]) -> Iterator[FaultyProxy]:
    """Run a proxy to *cloud* that counts its faults in *injected*."""
    with FaultyProxy(cloud, injected) as proxy:
        thread = Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


@contextmanager
def faulty_workers(cloud: Cloud, proxy: FaultyProxy, injected: Counter[Fault]) -> Iterator[None]:
    """Kill or starve workers of *cloud* at random, and count that in *injected*."""
    ended = Event()

    def strike() -> None:
        struck = 0
        while not ended.wait(0.5):
            # A worker may have ended by itself.
            with suppress(ProcessLookupError, FileNotFoundError):
                if proxy.requests // REQUESTS_PER_STRIKE > struck and (workers := _workers(cloud)):
                    struck += 1
                    injected[_strike(random.choice(list(workers)), workers)] += 1

    thread = Thread(target=strike, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _strike(pid: int, workers: Mapping[int, int]) -> Fault:
    # Only Linux lets one process limit another. A child that decodes has a limit of its own, and
    # ending at that is the file's fault.
    if sys.platform == "linux" and not _is_child(pid, workers) and random.random() < 0.5:
        resource.prlimit(pid, resource.RLIMIT_AS, (_address_space(pid),) * 2)
        return Fault.STARVED
    os.kill(pid, signal.SIGKILL)
    return Fault.KILLED


def _is_child(pid: int, workers: Mapping[int, int]) -> bool:
    """Tell whether *pid* decodes an upload, as a child of the sandbox's worker."""
    return workers.get(workers[pid]) in workers


def _address_space(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _workers(cloud: Cloud) -> dict[int, int]:
    """Return the processes of the cloud's session that are running functions, and their parents."""
    own = cloud.server_pid
    listed = subprocess.check_output(
        ["ps", "-axww", "-o", "pid=,ppid=,sess=,etime=,command="], text=True
    ).splitlines()
    found = [line.split(maxsplit=4) for line in listed]
    return {
        int(pid): int(parent)
        for pid, parent, session, age, command in found
        if int(session) == own
        and "ministack-lambda-" in command
        and _seconds(age) > STARTING_SECONDS
    }


def _seconds(age: str) -> int:
    """Read what `ps` writes as [[days-]hours:]minutes:seconds; days do not matter here."""
    *hours, minutes, seconds = age.rpartition("-")[2].split(":")
    return int(seconds) + 60 * int(minutes) + 3600 * sum(map(int, hours))
