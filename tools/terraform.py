"""Run Terraform where it leaves the repository alone, and without a registry if need be."""

import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import processes
from isolation import isolated
from processes import CommandFailed

ROOT = Path(__file__).resolve().parent.parent

# What the configuration consists of and reads. Whatever else lies in the repository's root, such as
# a backend, overrides or variables, belongs to the user's own deployment.
_LINKED = ("lambda", "main.tf", "modules", "outputs.tf", "tests", "tools", "variables.tf")

_LOCK = ".terraform.lock.hcl"
_PROVIDER = Path("registry.terraform.io", "hashicorp", "aws")
_MIRROR_PLACES = ("~/.terraform.d", "/usr/share", "/usr/local/share", "/opt")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_SETTINGS = {"TF_INPUT": "0", "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
_OLDEST_TO_TEST = (1, 11)  # since which a mocked provider can answer while planning

Event = Mapping[str, Any]


class Terraform:
    """The configuration in *folder*, which is also where Terraform keeps its state."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = environment

    def init(self) -> None:
        """Install the providers and modules, changing no lock file that is there."""
        self._run("init", *init_options(self.folder, self._environment))

    def apply(self, *options: str, on_event: Callable[[Event], object] = lambda _: None) -> bool:
        """Apply, and return whether there was anything to change.

        *on_event* gets Terraform's messages as they come, in its machine-readable form.
        """
        events: list[Event] = []

        def on_line(line: str) -> None:
            events.append(json.loads(line))
            on_event(events[-1])

        try:
            self._run("apply", "-auto-approve", "-json", *options, on_line=on_line)
        except CommandFailed as failure:
            raise failure.but_saying("\n".join(_diagnostics(events))) from None
        return any(is_change(event) for event in events)

    def has_changes(self) -> bool:
        """Whether a plan would change anything."""
        try:
            self._run("plan", "-detailed-exitcode")
        except CommandFailed as failure:
            if failure.status != 2:
                raise
            return True
        return False

    def outputs(self) -> dict[str, Any]:
        """The outputs of what was applied."""
        return {
            name: output["value"]
            for name, output in json.loads(self._run("output", "-json")).items()
        }

    def destroy(self) -> None:
        """Destroy everything that was applied."""
        self._run("destroy", "-auto-approve")

    def test(self) -> None:
        """Validate the configuration and run its own tests, showing what they print."""
        self._run("validate", on_line=_show)
        self._run("test", on_line=_show)

    def _run(
        self, command: str, *options: str, on_line: Callable[[str], object] = lambda _: None
    ) -> str:
        return processes.run(
            "terraform",
            command,
            "-no-color",
            *options,
            environment={**self._environment, **_SETTINGS},
            folder=self.folder,
            on_line=on_line,
        )


def installed_version(environment: Mapping[str, str]) -> tuple[int, ...]:
    """The version of the Terraform that *environment* leads to, as far as it is numbers."""
    told = processes.run("terraform", "version", "-json", environment={**environment, **_SETTINGS})
    return tuple(map(int, re.findall(r"\d+", json.loads(told)["terraform_version"])))


def is_change(event: Event) -> bool:
    """Whether *event* says that a resource was made, changed or destroyed."""
    return bool(event["type"] == "apply_complete" and event["hook"]["action"] != "read")


def linked_root(folder: Path, **variables: object) -> None:
    """Make *folder* a root module of the repository's own files, with *variables* set.

    State and data land in *folder*.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for link in folder.iterdir():
        if link.is_symlink():
            link.unlink()
    for name in _LINKED:
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / _LOCK, folder)
    (folder / "given.auto.tfvars.json").write_text(json.dumps(variables, indent=2))


def init_options(folder: Path, environment: Mapping[str, str]) -> list[str]:
    """What `terraform init` needs in *folder*: here, the mirror of the locked provider, if any."""
    lock = folder / _LOCK
    options = ["-lockfile=readonly"] if lock.exists() else []
    mirror = provider_mirror(ROOT / _LOCK, environment)
    return [*options, f"-plugin-dir={mirror}"] if mirror else options


def provider_mirror(lock: Path, environment: Mapping[str, str]) -> Path | None:
    """A directory on this machine that holds the provider in the version that *lock* names."""
    [version] = re.findall(r'^ *version *= *"(.+)"', lock.read_text(), re.MULTILINE)
    machine = platform.machine().lower()
    target = f"{sys.platform}_{_MACHINES.get(machine, machine)}"
    for folder in _mirrors(environment):
        provider = folder / _PROVIDER
        packed = f"terraform-provider-aws_{version}_{target}.zip"
        if (provider / version / target).is_dir() or (provider / packed).is_file():
            return folder
    return None


def _mirrors(environment: Mapping[str, str]) -> Iterator[Path]:
    if given := environment.get("TF_PLUGIN_DIR"):
        yield Path(given).absolute()  # for Terraform runs in another folder
    for place in _MIRROR_PLACES:
        for depth in ("", "*/", "*/*/"):
            for found in sorted(Path(place).expanduser().glob(f"{depth}{_PROVIDER}")):
                yield found.parents[2]


def _diagnostics(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        if event["type"] == "diagnostic":
            diagnostic = event["diagnostic"]
            yield f"{diagnostic['summary']}\n{diagnostic['detail']}".strip()


def _insist_on_a_version_that_tests(environment: Mapping[str, str]) -> None:
    version = installed_version(environment)
    if version < _OLDEST_TO_TEST:
        oldest, found = (".".join(map(str, numbers)) for numbers in (_OLDEST_TO_TEST, version))
        sys.exit(f"`make test` needs Terraform {oldest} or later, and {found} is installed.")


def _show(line: str) -> None:
    print(line, end="", flush=True)


def main() -> None:
    """Test the repository's configuration, with the provider mocked and AWS out of reach."""
    folder = ROOT / "build" / "terraform"
    nowhere = isolated(os.environ, endpoint="https://127.0.0.1:1", home=folder)
    terraform = Terraform(folder, nowhere)
    with processes.interruptible():
        try:
            _insist_on_a_version_that_tests(nowhere)
            linked_root(folder)
            terraform.init()
            terraform.test()
        except CommandFailed as failure:
            sys.exit(str(failure))


if __name__ == "__main__":
    main()
