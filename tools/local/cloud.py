"""A local cloud: MiniStack on 127.0.0.1, with enforced permissions and made-up credentials."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import trustme

from tools import ROOT, subprocesses
from tools.build import package
from tools.environment import REGION, Credentials, isolated
from tools.terraform import Terraform, linked_root, program

_PATIENCE_SECONDS = 60
# With a folder before the name of the module, hypercorn puts that on the path of Python.
_APP = ROOT / "tools.local.ministack.app:app"
_SERVER = ROOT / "tools" / "local" / "ministack" / "hypercorn.toml"
ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
"""Of this machine, as Lambda calls it: functions run here."""


class LocalCloudError(Exception):
    """The local cloud cannot be used: the message says why."""


class Cloud:
    """One local cloud. All it ever writes is in *home*.

    The server locks a file there for as long as it lives, whichever process started it: so a
    recorded process id is either certainly its own, or of no meaning.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.terraform_settings: Mapping[str, str] = {}
        """What Terraform's environment has besides: a provider that runs already."""
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
        environment = isolated(
            os.environ, endpoint=self.endpoint, home=self.home, credentials=self._credentials()
        )
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
        """Start the server with what was last saved, or with nothing; wait until it answers.

        Terraform cannot read what OpenTofu has applied, so nothing of it is kept for the other.
        """
        used = program(os.environ)
        made_with = self._recorded().get("program", used)
        if self.is_running():
            if made_with != used:
                raise LocalCloudError(
                    f"This local cloud was made with {made_with}, not {used}: `make down` first."
                )
            return
        if made_with != used:
            self.forget()
        # What was saved has the port in its addresses.
        if self.is_saved() and _is_free(self._recorded()["port"]):
            shutil.copy(self._saved_terraform_state, self._terraform_state)
            self._serve(self._recorded()["port"])
        else:
            self._clear()
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

    @property
    def terraform_state(self) -> Path:
        """Terraform's state of the pipeline that was deployed here."""
        return self._terraform_state

    def stop(self) -> None:
        """End the server with everything that it started."""
        if self.is_running():
            self._end(signal.SIGKILL)
        self._reap()

    def forget(self) -> None:
        """Stop the server and remove all that there was of this cloud."""
        with subprocesses.uninterrupted():
            self.stop()
            shutil.rmtree(self.home, ignore_errors=True)

    def _clear(self) -> None:
        """Remove what is no use without a server's state: not the package, nor the provider."""
        for folder in ("state", "objects", "tmp"):
            shutil.rmtree(self.home / folder, ignore_errors=True)
        for file in (self._saved_terraform_state, *self.home.glob("root/terraform.tfstate*")):
            file.unlink(missing_ok=True)

    @contextmanager
    def claimed(self, on_wait: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Keep other programs from this cloud meanwhile; wait for one that has it."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        with self.home.with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def terraform(self, folder: Path) -> Terraform:
        """Terraform on the configuration in *folder*, for this cloud."""
        return Terraform(folder, {**self.environment, **self.terraform_settings})

    def pipeline(self, files: Sequence[Path] = (), **variables: object) -> Terraform:
        """Terraform on the repository's own root module, for this cloud, initialised.

        Of what *files* set as well, *variables* win; monitoring stays off. The package is built
        for the Python that runs the server: functions run in that one.
        """
        watermark = variables.get("watermark")
        variables["package_path"] = str(self._package(json.dumps(watermark) if watermark else None))
        variables["architecture"] = ARCHITECTURE
        # MiniStack has no saved queries, and forgets what an alarm watches.
        variables["monitoring"] = None
        folder = self.home / "root"
        linked_root(folder, files, **variables)
        terraform = self.terraform(folder)
        terraform.init_once()
        return terraform

    def _package(self, watermark: str | None) -> Path:
        """Build the package, unless what it is made of is what it was made of before."""
        zipped, stamp = self.home / "package.zip", self.home / "package.made-of"
        made_of = _package_fingerprint(watermark)
        if not zipped.exists() or not stamp.exists() or stamp.read_text() != made_of:
            package.build(None, zipped, watermark)
            stamp.write_text(made_of)
        return zipped

    def _recorded(self) -> dict[str, Any]:
        with suppress(FileNotFoundError):
            recorded: dict[str, Any] = json.loads(self._record.read_text())
            return recorded
        return {}

    def _credentials(self) -> Credentials:
        """The credentials of this cloud, made up when it first starts."""
        file = self.home / "credentials.json"
        if not file.exists():
            with suppress(FileExistsError):
                file.touch(mode=0o600, exist_ok=False)
                file.write_text(json.dumps(asdict(Credentials.random())))
        return Credentials(**json.loads(file.read_text()))

    def _serve(self, port: int) -> None:
        for folder in ("state", "tmp"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        self._reap()
        _write_certificate(self.home)
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
        record = {
            "port": port,
            "plain_port": plain_port,
            "pid": self._server.pid,
            "program": program(os.environ),
        }
        self._record.write_text(json.dumps(record))
        try:
            _wait_until_ready(self._server, port, log)
        except BaseException:
            self._end(signal.SIGKILL)
            raise

    def _server_environment(self, port: int) -> dict[str, str]:
        environment = isolated(
            os.environ, endpoint=_endpoint(port), home=self.home, credentials=self._credentials()
        )
        return environment | {
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
            # Both would listen on every address of the machine.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }

    def _end(self, number: signal.Signals) -> None:
        pid = self._recorded().get("pid")
        if pid is None:
            raise LocalCloudError("this local cloud is being started by another program")
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.02)
        subprocesses.kill_session(pid)  # the workers that run functions, and what they have started
        self._reap()

    def _reap(self) -> None:
        """End the server that was started here, if there is one, and take leave of it."""
        if self._server:
            subprocesses.kill_session(self._server.pid)
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


def _write_certificate(folder: Path) -> None:
    """Write a certificate for 127.0.0.1, and that of its authority, whose own key nobody keeps."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "*.cloudfront.localhost")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    server.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    server.private_key_pem.write_to_path(str(folder / "server.key"))


def _package_fingerprint(watermark: str | None) -> str:
    sources = [*(ROOT / "lambda").rglob("*"), *(ROOT / "tools" / "build").glob("*.py")]
    files = sorted(file for file in sources if file.is_file() and file.suffix != ".pyc")
    fields = json.loads(watermark) if watermark else {}
    files += [Path(fields[role]) for role in package.WATERMARK_FILES if fields.get(role)]
    digest = hashlib.sha256(f"{sys.version} {watermark}".encode())
    for file in files:
        with suppress(FileNotFoundError):  # the build says so
            digest.update(f"{file} ".encode() + file.read_bytes())
    return digest.hexdigest()


def _endpoint(port: int) -> str:
    return f"https://127.0.0.1:{port}"


def _hypercorn(home: Path, port: int, plain_port: int) -> list[str]:
    """The module and the options that serve MiniStack on two ports of this machine, nowhere else.

    MiniStack's own command would listen on port 443 as well.
    """
    return [
        *(
            "hypercorn",
            str(_APP),
            "--config",
            str(_SERVER),
            "--bind",
            f"127.0.0.1:{port}",
            "--workers",
            "0",
        ),
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
