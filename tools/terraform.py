"""Run Terraform or OpenTofu outside the repository, without a registry if necessary."""

import hashlib
import json
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools import ROOT, subprocesses
from tools.subprocesses import CommandFailed

# The files of the configuration. Other files in the repository's root, such as a backend,
# overrides or variables, belong to the user's own deployment.
_LINKED = (
    *("main.tf", "outputs.tf", "variables.tf"),
    *("examples", "lambda", "modules", "tests", "tools"),
)

LOCK = ".terraform.lock.hcl"
REATTACH = "TF_REATTACH_PROVIDERS"
TESTS = "tests/terraform"
_MIRROR_PLACES = ("~/.terraform.d", "/usr/share", "/usr/local/share", "/opt")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_SETTINGS = {"TF_INPUT": "0", "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
_WAITING_CHECK = "Check block assertion known after apply"
_PLAN = ".terraform/planned"  # git ignores it: a plan may contain secrets

Event = Mapping[str, Any]


def program(environment: Mapping[str, str]) -> str:
    """The program to run: what TF names, such as `tofu`, or else `terraform`."""
    return environment.get("TF") or "terraform"


def is_opentofu(environment: Mapping[str, str]) -> bool:
    """Whether that is OpenTofu, by its name: in JSON it calls its own version Terraform's."""
    return Path(program(environment)).name.startswith("tofu")


def provider_address(environment: Mapping[str, str]) -> str:
    """The AWS provider's address, in states and mirrors: each program has a registry of its own."""
    host = "registry.opentofu.org" if is_opentofu(environment) else "registry.terraform.io"
    return f"{host}/hashicorp/aws"


class Terraform:
    """The configuration in *folder*, which also contains Terraform's state.

    If Terraform *may_finish*, an interruption lets it finish what it is creating. Killed, it would
    forget that, and leave the state locked.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], *, may_finish: bool = False
    ) -> None:
        self.folder = folder
        self._environment = environment
        self._may_finish = may_finish

    def init(self, *options: str) -> None:
        """Install the providers and modules without changing an existing lock file."""
        # Terraform does not install a provider that is already running, and would lack it later.
        own = {name: value for name, value in self._environment.items() if name != REATTACH}
        Terraform(self.folder, own).run("init", *options, *init_options(self.folder, own))

    def init_once(self) -> None:
        """Do the same unless it was done for the current configuration."""
        stamp = self.folder / ".terraform" / "initialised"
        fingerprint = _fingerprint(self.folder, provider_address(self._environment))
        if not stamp.exists() or stamp.read_text() != fingerprint:
            self.init()
            stamp.write_text(fingerprint)

    def provider_version(self) -> str | None:
        """The version of the AWS provider that is installed for the configuration, if any."""
        told = json.loads(self.run("version", "-json"))
        version: str | None = told.get("provider_selections", {}).get(
            provider_address(self._environment)
        )
        return version

    def plan(self, on_event: Callable[[Event], object] = lambda _: None) -> list[Event]:
        """Plan and return the changes to resources, one message each; `apply_plan` makes them."""
        (self.folder / _PLAN).parent.mkdir(exist_ok=True)
        events = self._stream(on_event, "plan", f"-out={_PLAN}")
        return [event["change"] for event in events if event["type"] == "planned_change"]

    def planned(self) -> list[dict[str, Any]]:
        """The planned values of all attributes."""
        plan: dict[str, Any] = json.loads(self.run("show", "-json", _PLAN))
        return list(plan.get("resource_changes", []))

    def apply_plan(self, on_event: Callable[[Event], object] = lambda _: None) -> None:
        """Apply the saved plan."""
        self._stream(on_event, "apply", _PLAN)

    def apply(self, *options: str, on_event: Callable[[Event], object] = lambda _: None) -> bool:
        """Apply, and return whether there was anything to change.

        *on_event* gets Terraform's messages as they come, in its machine-readable form.
        """
        events = self._stream(on_event, "apply", "-auto-approve", *options)
        return any(is_change(event) for event in events)

    def has_changes(self) -> bool:
        """Whether a plan would change anything."""
        try:
            self.run("plan", "-detailed-exitcode")
        except CommandFailed as failure:
            if failure.status != 2:
                raise
            return True
        return False

    def outputs(self) -> dict[str, Any]:
        """The outputs of the applied configuration."""
        return {
            name: output["value"]
            for name, output in json.loads(self.run("output", "-json")).items()
        }

    def resources(self) -> list[dict[str, Any]]:
        """The applied resources of all modules, with the values of all attributes."""
        state = json.loads(self.run("show", "-json"))
        return list(_resources(state.get("values", {}).get("root_module", {})))

    def destroy(self, on_event: Callable[[Event], object] = lambda _: None) -> None:
        """Destroy everything that was applied."""
        self._stream(on_event, "destroy", "-auto-approve")

    def validate(self) -> None:
        """Validate the configuration."""
        self.run("validate")

    def test(self, folder: str, files: Sequence[str]) -> list[Event]:
        """Run the tests in *files* of *folder*, and return Terraform's events even if some fail.

        Raises `CommandFailed` if they cannot be run.
        """
        events: list[Event] = []
        options = (f"-test-directory={folder}", *(f"-filter={file}" for file in files))
        try:
            self.run(
                "test", "-json", *options, on_line=lambda line: events.append(json.loads(line))
            )
        except CommandFailed as failure:
            if not any(event["type"] == "test_summary" for event in events):
                raise failure.but_saying("\n".join(_errors(events, self.folder))) from None
        return events

    def plans_of_tests(self, *names: str) -> list[Event]:
        """Run the test files of these names, and return the plan of each run."""
        filters = (f"-filter={TESTS}/{name}.tftest.hcl" for name in names)
        printed = self.run("test", "-json", "-verbose", f"-test-directory={TESTS}", *filters)
        events = [json.loads(line) for line in printed.splitlines()]
        return [event for event in events if event["type"] == "test_plan"]

    def run(
        self, command: str, *options: str, on_line: Callable[[str], object] = lambda _: None
    ) -> str:
        """Run *command* and return what it prints. Raises `CommandFailed`."""
        return subprocesses.run(
            program(self._environment),
            *command.split(),
            "-no-color",
            *options,
            environment={**self._environment, **_SETTINGS},
            folder=self.folder,
            on_line=on_line,
            may_finish=self._may_finish,
        )

    def _stream(
        self, on_event: Callable[[Event], object], command: str, *options: str
    ) -> list[Event]:
        events: list[Event] = []

        def on_line(line: str) -> None:
            try:
                event = json.loads(line)
            except ValueError:
                return  # some backends print plain lines in between, which must not end the run
            events.append(event)
            on_event(event)

        try:
            self.run(command, "-json", *options, on_line=on_line)
        except CommandFailed as failure:
            sentences = list(_errors(events, self.folder))
            raise failure.but_saying("\n".join(sentences) or failure.output) from None
        return events


def installed_version(environment: Mapping[str, str]) -> tuple[int, ...]:
    """The version of the program that *environment* leads to, as far as it is numbers."""
    told = subprocesses.run(
        program(environment), "version", "-json", environment={**environment, **_SETTINGS}
    )
    return tuple(map(int, re.findall(r"\d+", json.loads(told)["terraform_version"])))


def is_change(event: Event) -> bool:
    """Whether *event* says that a resource was made, changed or destroyed."""
    return bool(event["type"] == "apply_complete" and event["hook"]["action"] != "read")


def linked_root(folder: Path, files: Sequence[Path] = (), **variables: object) -> None:
    """Make *folder* a root module of the repository's own files, with *variables* set.

    Of what *files* set as well, *variables* win. State and data land in *folder*.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for link in folder.iterdir():
        if link.is_symlink() or link.name.endswith(".tf.json"):  # of a program that was killed
            link.unlink()
    for name in _LINKED:
        (folder / name).symlink_to(ROOT / name)
    link_settings(folder, files)
    _copy_lock(folder)
    (folder / "given.auto.tfvars.json").write_text(json.dumps(variables, indent=2))


def link_settings(folder: Path, files: Sequence[Path]) -> None:
    """Have the configuration in *folder* read *files* of variables in this order."""
    for number, file in enumerate(files):
        kind = ".auto.tfvars.json" if file.suffix == ".json" else ".auto.tfvars"
        (folder / f"{number:03}{kind}").symlink_to(file)


def _copy_lock(folder: Path) -> None:
    """Copy the lock file unless the folder has a newer one: OpenTofu adds its registry there."""
    lock, copy = ROOT / LOCK, folder / LOCK
    if not copy.exists() or copy.stat().st_mtime < lock.stat().st_mtime:
        shutil.copy(lock, folder)


def _resources(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in module.get("resources", ()):
        if resource["mode"] == "managed":
            yield resource
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def _fingerprint(folder: Path, provider: str) -> str:
    """Of all that decides what is to be installed."""
    files = [*folder.glob("*.tf"), *folder.glob("modules/*/*.tf"), folder / LOCK]
    digest = hashlib.sha256(provider.encode())
    for file in sorted(file for file in files if file.exists()):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def init_options(folder: Path, environment: Mapping[str, str]) -> list[str]:
    """What `terraform init` needs in *folder*: here, the mirror of the locked provider, if any.

    OpenTofu takes the version from a lock file of Terraform's, and adds its own registry to it.
    """
    is_locked = (folder / LOCK).exists() and not is_opentofu(environment)
    options = ["-lockfile=readonly"] if is_locked else []
    mirror = provider_mirror(ROOT / LOCK, environment)
    return [*options, f"-plugin-dir={mirror}"] if mirror else options


def locked_version(lock: Path = ROOT / LOCK) -> str:
    """The version of the AWS provider that *lock* names."""
    version, *_ = re.findall(r'^ *version *= *"(.+)"', lock.read_text(), re.MULTILINE)
    return str(version)


def target_platform() -> str:
    """This machine, as HashiCorp names it in its downloads."""
    machine = platform.machine().lower()
    return f"{sys.platform}_{_MACHINES.get(machine, machine)}"


def provider_mirror(lock: Path, environment: Mapping[str, str]) -> Path | None:
    """A directory on this machine that holds the provider in the version that *lock* names."""
    version, target = locked_version(lock), target_platform()
    for folder in _mirrors(environment):
        provider = folder / provider_address(environment)
        packed = f"terraform-provider-aws_{version}_{target}.zip"
        if (provider / version / target).is_dir() or (provider / packed).is_file():
            return folder
    return None


def _mirrors(environment: Mapping[str, str]) -> Iterator[Path]:
    if given := environment.get("TF_PLUGIN_DIR"):
        yield Path(given).absolute()  # for Terraform runs in another folder
    provider = provider_address(environment)
    for place in _MIRROR_PLACES:
        for depth in ("", "*/", "*/*/"):
            for found in sorted(Path(place).expanduser().glob(f"{depth}{provider}")):
                yield found.parents[2]


def warnings(events: Sequence[Event]) -> list[str]:
    """What Terraform warns of in *events*, each once and in one line.

    It also tells of checks that have to wait until something is applied, as before every first
    apply: that is no warning.
    """
    found = [one for one in _diagnostics(events, "warning") if one["summary"] != _WAITING_CHECK]
    lines = (" ".join(f"{one['summary']}: {one['detail']}".split()) for one in found)
    return list(dict.fromkeys(lines))


def _errors(events: Sequence[Event], folder: Path) -> Iterator[str]:
    """Yield the errors, each with the place in a file of settings that it is about."""
    for diagnostic in _diagnostics(events, "error"):
        place = diagnostic.get("range", {})
        file = (folder / place.get("filename", "")).resolve()
        at = f"{file.name}, line {place['start']['line']}: " if ".tfvars" in file.name else ""
        yield f"{at}{diagnostic['summary']}\n{diagnostic['detail']}".strip()


def _diagnostics(events: Sequence[Event], severity: str) -> Iterator[Any]:
    found = (event["diagnostic"] for event in events if event["type"] == "diagnostic")
    return (diagnostic for diagnostic in found if diagnostic["severity"] == severity)
