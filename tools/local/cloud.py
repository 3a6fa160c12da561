"""A local cloud: MiniStack on 127.0.0.1, with enforced permissions and made-up credentials."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tools import ROOT, subprocesses
from tools.build import package
from tools.local.server import LocalCloudError, Server, free_port, is_free
from tools.provider import running_provider
from tools.terraform import Terraform, linked_root, program

ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
"""The architecture of this machine in Lambda's terms: functions run here."""


class Cloud:
    """One local cloud. It writes to *home* only."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.terraform_settings: Mapping[str, str] = {}
        """Additions to Terraform's environment while a provider is running."""
        self.terraform_state = home / "root" / "terraform.tfstate"
        """Terraform's state of the pipeline that is deployed here."""
        self._saved_terraform_state = home / "saved.tfstate"
        self._server = Server(home)

    @property
    def endpoint(self) -> str:
        """The one address of all its services."""
        return f"https://127.0.0.1:{self._server.port}"

    @property
    def plain_endpoint(self) -> str:
        """The same without TLS: the buckets must refuse such requests."""
        return f"http://127.0.0.1:{self._server.plain_port}"

    @property
    def server_pid(self) -> int:
        """The id of the server's process, which leads a session."""
        return self._server.pid

    @property
    def environment(self) -> dict[str, str]:
        """The environment for programs that may use this cloud, and no other."""
        environment = self._server.environment()
        programs = str(Path(sys.executable).parent)
        return environment | {"PATH": f"{programs}{os.pathsep}{environment.get('PATH', '')}"}

    def is_running(self) -> bool:
        """Whether its server is alive."""
        return self._server.is_running()

    def is_saved(self) -> bool:
        """Whether there is a saved state to start with."""
        return self._saved_terraform_state.exists()

    def start(self) -> None:
        """Start the server with the saved state or an empty one; wait until it responds.

        Terraform cannot read OpenTofu's state, so one does not start with the state of the other.
        """
        used = program(os.environ)
        made_with = self._server.program or used
        if self.is_running():
            if made_with != used:
                raise LocalCloudError(
                    f"This local cloud was made with {made_with}, not {used}: `make down` first."
                )
            return
        if made_with != used:
            self.forget()
        # The addresses in the saved state contain the port.
        if self.is_saved() and is_free(self._server.port):
            shutil.copy(self._saved_terraform_state, self.terraform_state)
            self._server.start(self._server.port)
        else:
            self._clear()
            self._server.start(free_port())

    def save(self) -> None:
        """Save everything except objects, which are lost: the next start begins with it.

        Terraform's state is saved with the server's; later changes are in neither.
        """
        port = self._server.port
        self._saved_terraform_state.unlink(missing_ok=True)
        self._server.end(signal.SIGTERM)  # makes the server write its state
        shutil.copy(self.terraform_state, self._saved_terraform_state)
        self._server.start(port)

    def stop(self) -> None:
        """End the server with everything that it started."""
        if self.is_running():
            self._server.end(signal.SIGKILL)
        self._server.reap()

    def forget(self) -> None:
        """Stop the server and remove everything in *home*."""
        with subprocesses.uninterrupted():
            self.stop()
            shutil.rmtree(self.home, ignore_errors=True)

    def _clear(self) -> None:
        """Remove what is useless without a server's state, so not the package or the provider."""
        for folder in ("state", "objects", "tmp"):
            shutil.rmtree(self.home / folder, ignore_errors=True)
        for file in (self._saved_terraform_state, *self.home.glob("root/terraform.tfstate*")):
            file.unlink(missing_ok=True)

    @contextmanager
    def claimed(self, on_wait: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Keep other programs out of this cloud inside the block, after waiting for them."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        with self.home.with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def terraform(self, folder: Path) -> Terraform:
        """Terraform for the configuration in *folder*, on this cloud."""
        return Terraform(folder, {**self.environment, **self.terraform_settings})

    @contextmanager
    def running_provider(self, folder: Path) -> Iterator[Terraform]:
        """Terraform for the initialised configuration in *folder*, which starts no provider.

        All configurations on this cloud use the one that runs meanwhile.
        """
        before = self.terraform_settings
        with running_provider(folder, self.environment) as self.terraform_settings:
            try:
                yield self.terraform(folder)
            finally:
                self.terraform_settings = before

    def pipeline(self, files: Sequence[Path] = (), **variables: object) -> Terraform:
        """Terraform for the repository's root module, on this cloud, initialised.

        *variables* override *files*; monitoring stays off. The package is built for the Python
        that runs the server, since functions run in that one.
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
        """Build the package, unless its inputs are unchanged."""
        zipped, record = self.home / "package.zip", self.home / "package.made-of"
        made_of = _package_fingerprint(watermark)
        if not zipped.exists() or not record.exists() or record.read_text() != made_of:
            package.build(None, zipped, watermark)
            record.write_text(made_of)
        return zipped


@contextmanager
def running_cloud(home: Path) -> Iterator[Cloud]:
    """Run a local cloud in *home* for the duration of the block, and remove it afterwards."""
    cloud = Cloud(home)
    try:
        cloud.start()
        yield cloud
    finally:
        cloud.forget()


def _package_fingerprint(watermark: str | None) -> str:
    sources = [*(ROOT / "lambda").rglob("*"), *(ROOT / "tools" / "build").glob("*.py")]
    files = sorted(file for file in sources if file.is_file() and file.suffix != ".pyc")
    fields = json.loads(watermark) if watermark else {}
    files += [Path(fields[role]) for role in package.WATERMARK_FILES if fields.get(role)]
    digest = hashlib.sha256(f"{sys.version} {watermark}".encode())
    for file in files:
        with suppress(FileNotFoundError):  # the build reports it
            digest.update(f"{file} ".encode() + file.read_bytes())
    return digest.hexdigest()
