"""Check the programs that a deployment runs on this machine, and their versions."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools import ROOT, subprocesses
from tools.build.interpreters import FUNCTION, OLDEST, Interpreter, interpreters, text
from tools.operations.doctor.finding import Finding
from tools.subprocesses import CommandFailed
from tools.terraform import (
    LOCK,
    Terraform,
    installed_version,
    is_opentofu,
    locked_version,
    program,
    target_platform,
)

TESTED = "1.11.4"
"""The version of Terraform that the tests run with."""

TESTED_OPENTOFU = "1.12.6"
"""The version of OpenTofu that CI runs the demonstration with."""

# In this range the provider plans a change of the bucket encryption every time.
_RESTLESS = ((6, 22), (6, 40))

Version = tuple[int, ...]


def findings(
    terraform: Terraform, environment: Mapping[str, str], *, has_key: bool
) -> Iterator[Finding]:
    """Yield the findings about Terraform, its provider and Python. *has_key*: with a `kms_key`."""
    yield from of_python(_version_of("python3", environment), list(interpreters()))
    try:
        yield from of_terraform(installed_version(environment), environment)
        yield from of_provider(
            terraform.provider_version(),
            locked_version(),
            has_key=has_key,
            command=program(environment),
        )
    except CommandFailed as failure:
        yield Finding(
            problem=f"{_name(environment)} does not run: {failure.output}",
            fix=_install(environment),
        )


def of_terraform(installed: Version, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding if Terraform or OpenTofu is older than the configuration requires."""
    [required] = re.findall(r'required_version = ">= ([\d.]+)"', (ROOT / "main.tf").read_text())
    if installed < _numbers(required):
        found = ".".join(map(str, installed))
        yield Finding(
            problem=f"{_name(environment)} {required} or later is needed, not {found}.",
            fix=_install(environment),
        )


def of_provider(
    selected: str | None, locked: str, *, has_key: bool, command: str
) -> Iterator[Finding]:
    """Yield a finding if the provider is not the locked version, or has a known fault.

    *selected* is None before `terraform init`, which `make deploy` runs. *command*
    is the program that the fix runs: `terraform` or `tofu`.
    """
    if selected is None:
        return
    if selected != locked:
        yield Finding(
            problem=f"The AWS provider here is {selected} and {LOCK} has {locked}.",
            fix=f"{command} init",
        )
    if has_key and _RESTLESS[0] <= _numbers(selected) < _RESTLESS[1]:
        yield Finding(
            problem=f"With a kms_key the AWS provider {selected} shows a change of the bucket"
            " encryption at every plan.",
            fix=f"{command} init -upgrade",
            is_blocking=False,
        )


def of_python(found: tuple[int, int] | None, pythons: Sequence[Interpreter]) -> Iterator[Finding]:
    """Yield a finding for each thing missing to build the package.

    *found* is the version of `python3`, if it runs, and *pythons* are all interpreters here.
    """
    if found is None or found < OLDEST:
        what = "none runs here" if found is None else f"this one is {text(found)}"
        yield Finding(
            problem=f"Terraform builds the package with python3, {text(OLDEST)} or later: {what}.",
            fix=f'export PATH="{Path(sys.executable).parent}:$PATH"',
        )
    if not any(python.can("pip") for python in pythons):
        yield Finding(
            problem="Terraform builds the package with pip, and no Python here has it.",
            fix="python3 -m ensurepip",
        )
    if not any(python.version == FUNCTION for python in pythons):
        yield Finding(
            problem=f"Without Python {text(FUNCTION)} the package has no bytecode, and a cold start"
            " takes twice as long.",
            fix=f".venv/bin/uv python install {text(FUNCTION)}",
            is_blocking=False,
        )


def _version_of(python: str, environment: Mapping[str, str]) -> tuple[int, int] | None:
    command = (python, "-c", "import sys; print(*sys.version_info[:2])")
    try:
        major, minor = subprocesses.run(*command, environment=environment).split()
    except CommandFailed:
        return None
    return int(major), int(minor)


def _name(environment: Mapping[str, str]) -> str:
    return "OpenTofu" if is_opentofu(environment) else "Terraform"


def _install(environment: Mapping[str, str]) -> str:
    tofu = is_opentofu(environment)
    if sys.platform == "darwin":
        return "brew install opentofu" if tofu else "brew install hashicorp/tap/terraform"
    name, version = ("tofu", TESTED_OPENTOFU) if tofu else ("terraform", TESTED)
    archive = f"{name}_{version}_{target_platform()}.zip"
    releases = (
        f"https://github.com/opentofu/opentofu/releases/download/v{version}"
        if tofu
        else f"https://releases.hashicorp.com/terraform/{version}"
    )
    return f"curl -LO {releases}/{archive} && sudo unzip -o {archive} {name} -d /usr/local/bin"


def _numbers(version: str) -> Version:
    return tuple(map(int, re.findall(r"\d+", version)))
