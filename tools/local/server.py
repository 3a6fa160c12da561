"""The server process of a local cloud: its ports, its certificate, its environment and its end."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import trustme

from tools import ROOT, subprocesses
from tools.environment import REGION, Credentials, isolated
from tools.terraform import program

_PATIENCE_SECONDS = 60
# hypercorn adds the folder before the module's name to Python's path.
_APP = ROOT / "tools.local.ministack.app:app"
_CONFIGURATION = ROOT / "tools" / "local" / "ministack" / "hypercorn.toml"


class LocalCloudError(Exception):
    """The local cloud cannot be used: the message says why."""


class Server:
    """The server whose files are in *home*.

    It locks a file there for as long as it lives, whichever process started it. So a recorded
    process id is certainly the server's while the lock is held, and meaningless otherwise.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._record = home / "server.json"
        self._lock = home / "server.lock"

    @property
    def port(self) -> int:
        """The port of all its services."""
        return int(self._recorded()["port"])

    @property
    def plain_port(self) -> int:
        """The port without TLS."""
        return int(self._recorded()["plain_port"])

    @property
    def pid(self) -> int:
        """The id of the process, which leads a session."""
        return int(self._recorded()["pid"])

    @property
    def program(self) -> str | None:
        """The program that has deployed to it, Terraform or OpenTofu; None if it is new."""
        return self._recorded().get("program")

    def environment(self, port: int | None = None) -> dict[str, str]:
        """The environment for programs that may use the server, at *port* or at its own."""
        return isolated(
            os.environ,
            endpoint=f"https://127.0.0.1:{self.port if port is None else port}",
            home=self._home,
            credentials=self._credentials(),
        )

    def is_running(self) -> bool:
        """Whether the process is alive."""
        if not self._lock.exists():
            return False
        with self._lock.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def start(self, port: int) -> None:
        """Start the process, and wait until it responds. Raises `LocalCloudError`."""
        for folder in ("state", "tmp"):
            (self._home / folder).mkdir(parents=True, exist_ok=True)
        self.reap()
        _write_certificate(self._home)
        log = self._home / "server.log"
        plain_port = free_port()
        with self._lock.open("w") as lock, log.open("w") as output:
            _take(lock)
            self._process = subprocess.Popen(
                [sys.executable, "-m", *_hypercorn(self._home, port, plain_port)],
                env=self._server_environment(port),
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],
                start_new_session=True,  # Ctrl-C is for the program that uses the server
            )
        record = {
            "port": port,
            "plain_port": plain_port,
            "pid": self._process.pid,
            "program": program(os.environ),
        }
        self._record.write_text(json.dumps(record))
        try:
            _wait_until_ready(self._process, port, log)
        except BaseException:
            self.end(signal.SIGKILL)
            raise

    def end(self, number: signal.Signals) -> None:
        """Send the signal, wait for the end, and kill everything that the server started."""
        pid = self._recorded().get("pid")
        if pid is None:
            raise LocalCloudError("this local cloud is being started by another program")
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.02)
        subprocesses.kill_session(pid)  # the workers that run functions, and their children
        self.reap()

    def reap(self) -> None:
        """Kill and wait for the process that this object started, if any."""
        if self._process:
            subprocesses.kill_session(self._process.pid)
            self._process.wait()
            self._process = None

    def _recorded(self) -> dict[str, Any]:
        with suppress(FileNotFoundError):
            recorded: dict[str, Any] = json.loads(self._record.read_text())
            return recorded
        return {}

    def _credentials(self) -> Credentials:
        """The credentials of this cloud, made up on its first start."""
        file = self._home / "credentials.json"
        if not file.exists():
            with suppress(FileExistsError):
                file.touch(mode=0o600, exist_ok=False)
                file.write_text(json.dumps(asdict(Credentials.random())))
        return Credentials(**json.loads(file.read_text()))

    def _server_environment(self, port: int) -> dict[str, str]:
        return self.environment(port) | {
            "AUTH": "true",
            "USE_SSL": "true",  # the policies of the buckets deny plain HTTP
            "GATEWAY_PORT": str(port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "MINISTACK_SSL_CERT": str(self._home / "server.pem"),
            "MINISTACK_SSL_KEY": str(self._home / "server.key"),
            "SSL_CERT_FILE": str(self._home / "authority.pem"),  # token issuers use it, too
            "PERSIST_STATE": "1",
            "S3_PERSIST": "0",
            "STATE_DIR": str(self._home / "state"),
            "S3_DATA_DIR": str(self._home / "objects"),
            "TMPDIR": str(self._home / "tmp"),
            # With Docker, MiniStack would remove containers that it believes to be its own.
            "DOCKER_HOST": f"unix://{self._home}/no-docker",
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "1",
            "LAMBDA_ASYNC_RETRY_MAX_SECONDS": "2",
            "SFN_WAIT_SCALE": "0.1",
            "LOG_LEVEL": "WARNING",
            # Both would listen on every address of the machine.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }


def free_port() -> int:
    """Return a port that no program uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether no program listens on *port*."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _write_certificate(folder: Path) -> None:
    """Write a certificate for 127.0.0.1 and its authority's, but not the authority's key."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "*.cloudfront.localhost")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    server.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    server.private_key_pem.write_to_path(str(folder / "server.key"))


def _hypercorn(home: Path, port: int, plain_port: int) -> list[str]:
    """Return the command line that serves MiniStack on two local ports only.

    MiniStack's own command would listen on port 443 as well.
    """
    return [
        *("hypercorn", str(_APP), "--config", str(_CONFIGURATION), "--workers", "0"),
        *("--bind", f"127.0.0.1:{port}", "--insecure-bind", f"127.0.0.1:{plain_port}"),
        *("--certfile", str(home / "server.pem"), "--keyfile", str(home / "server.key")),
        *("--keep-alive", "75"),
    ]


def _take(lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LocalCloudError(
            "this local cloud is being started or used by another program"
        ) from None


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise LocalCloudError(f"the local cloud ended at once:\n{log.read_text()[-2000:]}")
        if not is_free(port):
            return
        time.sleep(0.05)
    raise LocalCloudError(f"the local cloud does not answer; see {log}")
