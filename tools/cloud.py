"""A local cloud: MiniStack on 127.0.0.1, with enforced permissions and made-up credentials."""

import fcntl
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import certificate
import package
import processes
from isolation import REGION, isolated
from terraform import Terraform, linked_root

_PATIENCE_SECONDS = 60
_APP = Path(__file__).with_name("local_app.py")
_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}


class LocalCloudError(Exception):
    """The local cloud cannot be used: the message says why."""


class Cloud:
    """One local cloud. All it ever writes is in *home*.

    The server holds a lock on a file there for as long as it lives, whoever started it: so a
    recorded process id is either certainly its own, or of no meaning.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._server: subprocess.Popen[bytes] | None = None
        self._record = home / "server.json"
        self._lock = home / "server.lock"
        self._terraform_state = home / "root" / "terraform.tfstate"
        self._saved_terraform_state = home / "saved.tfstate"

    @property
    def endpoint(self) -> str:
        """The one address of all its services."""
        return _endpoint(self._recorded()["port"])

    @property
    def plain_endpoint(self) -> str:
        """The same without TLS: the buckets have to refuse what comes this way."""
        return f"http://127.0.0.1:{self._recorded()['plain_port']}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment for programs that are to talk to this cloud, and to no other."""
        environment = isolated(os.environ, endpoint=self.endpoint, home=self.home)
        programs = str(Path(sys.executable).parent)
        return environment | {"PATH": f"{programs}{os.pathsep}{environment.get('PATH', '')}"}

    def is_running(self) -> bool:
        """Whether its server is alive."""
        if not self._lock.exists():
            return False
        with self._lock.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def is_saved(self) -> bool:
        """Whether there is something to start with."""
        return self._saved_terraform_state.exists()

    def start(self) -> None:
        """Start the server with what was last saved, or with nothing; wait until it answers."""
        if self.is_running():
            return
        # What was saved has the port in its addresses.
        if self.is_saved() and _is_free(self._recorded()["port"]):
            shutil.copy(self._saved_terraform_state, self._terraform_state)
            self._serve(self._recorded()["port"])
        else:
            self.forget()
            self._serve(_free_port())

    def save(self) -> None:
        """Keep what there is, but for objects, which are lost: the next start begins with it.

        Terraform's state is kept beside the server's: what is applied later is in neither.
        """
        port = self._recorded()["port"]
        self._saved_terraform_state.unlink(missing_ok=True)
        self._end(signal.SIGTERM)  # upon which the server writes its state
        shutil.copy(self._terraform_state, self._saved_terraform_state)
        self._serve(port)

    def stop(self) -> None:
        """End the server with everything that it started."""
        if self.is_running():
            self._end(signal.SIGKILL)
        self._reap()

    def forget(self) -> None:
        """Stop the server and remove all that there was of this cloud."""
        with processes.uninterrupted():
            self.stop()
            shutil.rmtree(self.home, ignore_errors=True)

    def terraform(self, folder: Path) -> Terraform:
        """Terraform on the configuration in *folder*, for this cloud."""
        return Terraform(folder, self.environment)

    def pipeline(self, **variables: object) -> Terraform:
        """Terraform on the repository's own root module, for this cloud, initialised.

        The package is built for the Python that runs the server: functions run in that one.
        """
        zipped = self.home / "package.zip"
        watermark = variables.get("watermark")
        package.build(None, zipped, json.dumps(watermark) if watermark else None)
        variables["package_path"] = str(zipped)
        variables["architecture"] = _ARCHITECTURES.get(platform.machine(), "x86_64")
        folder = self.home / "root"
        linked_root(folder, **variables)
        terraform = self.terraform(folder)
        terraform.init()
        return terraform

    def _recorded(self) -> dict[str, int]:
        with suppress(FileNotFoundError):
            recorded: dict[str, int] = json.loads(self._record.read_text())
            return recorded
        return {}

    def _serve(self, port: int) -> None:
        for folder in ("state", "tmp"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        self._reap()
        certificate.write(self.home)
        log = self.home / "server.log"
        plain_port = _free_port()
        with self._lock.open("w") as lock, log.open("w") as output:
            _take(lock)
            self._server = subprocess.Popen(
                [sys.executable, "-m", *_hypercorn(self.home, port, plain_port)],
                env=self._server_environment(port),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],
                start_new_session=True,  # Ctrl-C is for the program that uses the server
            )
        record = {"port": port, "plain_port": plain_port, "pid": self._server.pid}
        self._record.write_text(json.dumps(record))
        try:
            _wait_until_ready(self._server, port, log)
        except BaseException:
            self._end(signal.SIGKILL)
            raise

    def _server_environment(self, port: int) -> dict[str, str]:
        return isolated(os.environ, endpoint=_endpoint(port), home=self.home) | {
            "AUTH": "true",
            "USE_SSL": "true",  # the policies of the buckets deny plain HTTP
            "GATEWAY_PORT": str(port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "MINISTACK_SSL_CERT": str(self.home / "server.pem"),
            "MINISTACK_SSL_KEY": str(self.home / "server.key"),
            "SSL_CERT_FILE": str(self.home / "authority.pem"),  # vouches for issuers of tokens, too
            "PERSIST_STATE": "1",
            "S3_PERSIST": "0",
            "STATE_DIR": str(self.home / "state"),
            "S3_DATA_DIR": str(self.home / "objects"),
            "TMPDIR": str(self.home / "tmp"),
            # With Docker at hand MiniStack would clear away what it takes for its own containers.
            "DOCKER_HOST": f"unix://{self.home}/no-docker",
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "1",
            "LAMBDA_ASYNC_RETRY_MAX_SECONDS": "2",
            "SFN_WAIT_SCALE": "0.1",
            "LOG_LEVEL": "WARNING",
        }

    def _end(self, number: signal.Signals) -> None:
        pid = self._recorded()["pid"]
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.02)
        processes.kill_group(pid)  # the workers that run functions
        self._reap()

    def _reap(self) -> None:
        """End the server that was started here, if there is one, and take leave of it."""
        if self._server:
            processes.kill_group(self._server.pid)
            self._server.wait()
            self._server = None


@contextmanager
def running_cloud(home: Path) -> Iterator[Cloud]:
    """A local cloud of its own in *home*, running meanwhile and gone afterwards."""
    cloud = Cloud(home)
    try:
        cloud.start()
        yield cloud
    finally:
        cloud.forget()


def _endpoint(port: int) -> str:
    return f"https://127.0.0.1:{port}"


def _hypercorn(home: Path, port: int, plain_port: int) -> list[str]:
    """The module and the options that serve MiniStack on two ports of this machine, nowhere else.

    MiniStack's own command would listen on port 443 as well.
    """
    return [
        *("hypercorn", f"{_APP}:app", "--bind", f"127.0.0.1:{port}", "--workers", "0"),
        *("--certfile", str(home / "server.pem"), "--keyfile", str(home / "server.key")),
        *("--insecure-bind", f"127.0.0.1:{plain_port}", "--keep-alive", "75"),
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
        if not _is_free(port):
            return
        time.sleep(0.05)
    raise LocalCloudError(f"the local cloud does not answer; see {log}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
