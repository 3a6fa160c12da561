"""Time runs out while S3 says nothing: on a real connection, which botocore would try again."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread

import boto3
import index
import pytest
from pipeline.errors import DeadlineExceeded, TransientFailure
from pipeline.storage import CLIENT_CONFIG, Storage

from tests.aws.invoking import Context, lines
from tests.factories import picture, record

pytestmark = pytest.mark.usefixtures("configured")

PICTURE = picture(2000, 1500, kind="PNG")

NOTHING = b""
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE[:-1000]


class StalledServer(ThreadingTCPServer):
    """Takes a request on 127.0.0.1, says *said* and then no more."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, said: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.said = said
        self.connections = 0
        self.hung_up = Event()


class _Handler(BaseRequestHandler):
    server: StalledServer

    def handle(self) -> None:
        self.server.connections += 1
        self.request.recv(65536)
        self.request.sendall(self.server.said)
        while self.request.recv(65536):
            pass
        self.server.hung_up.set()


@contextmanager
def stalled_s3(monkeypatch: pytest.MonkeyPatch, said: bytes) -> Iterator[StalledServer]:
    """Have the handler talk to a `StalledServer` for S3 meanwhile."""
    with StalledServer(said) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        s3 = boto3.client("s3", config=CLIENT_CONFIG, endpoint_url=address)
        monkeypatch.setattr(index, "_storage", lambda: Storage(s3, processed_bucket="processed"))
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("said", [NOTHING, HALF], ids=["no answer", "half a picture"])
def test_a_handler_that_waits_for_s3_fails_before_it_is_killed(
    said: bytes, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    notification = {"Records": [record("a.png", size=len(PICTURE))]}
    with stalled_s3(monkeypatch, said) as server:
        start = time.monotonic()
        with pytest.raises(TransientFailure, match="out of time"):
            index.handler(notification, Context(remaining_milliseconds=1000))
        assert time.monotonic() - start < 1
        assert server.hung_up.wait(5)
    [line] = lines(log.getvalue())
    assert (line["message"], line["source"]["key"]) == ("failed", "a.png")
    assert "out of time" in line["detail"]
    assert server.connections == 1


def test_a_step_that_waits_for_s3_gives_up_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = {"step": "inspect", "event": {"Records": [record("a.png")]}}
    with stalled_s3(monkeypatch, NOTHING):
        start = time.time()
        with pytest.raises(DeadlineExceeded, match="out of time"):
            index.handler(event | {"deadline": (start + 0.3) * 1000}, Context())
        assert 0.3 < time.time() - start < 2
