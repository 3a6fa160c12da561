"""Find the deployment: Terraform's in the repository, or the local one that the shell names."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tools import ROOT
from tools.terraform import program

LOCAL = "LOCAL_DEPLOYMENT"
"""The variable that names the folder in which `make up` applied the pipeline."""

_LOCAL_ENDPOINT = "https://127.0.0.1:"


class DeploymentError(Exception):
    """The deployment that the shell names cannot be used: the message says why."""


def outputs(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the outputs of the deployment, empty if nothing is deployed.

    A local deployment with AWS's own endpoints is refused, since a command meant for one would
    act on the other. Raises `DeploymentError`.
    """
    folder, options = ROOT, []
    if local := environment.get(LOCAL):
        if not environment.get("AWS_ENDPOINT_URL", "").startswith(_LOCAL_ENDPOINT):
            raise DeploymentError(
                f"{LOCAL} is set and AWS_ENDPOINT_URL is not that of a local cloud:"
                f" source environment.sh again, or unset {LOCAL}."
            )
        folder = Path(local)
        if not (folder / "terraform.tfstate").is_file():
            raise DeploymentError(f"The local deployment in {folder} is gone: run `make up` again.")
        options = ["-state=terraform.tfstate"]
    response = subprocess.run(
        [program(environment), "output", "-json", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if response.returncode != 0:
        # Such as that of a backend that nobody is signed in to, where much may be deployed.
        reason = " ".join(line.strip("╷│╵ ") for line in response.stderr.splitlines()).strip()
        raise DeploymentError(f"What is deployed cannot be read: {reason}")
    return {name: output["value"] for name, output in json.loads(response.stdout).items()}


def deployment(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the outputs of the deployment. Raises `DeploymentError` if nothing is deployed."""
    if not (deployed := outputs(environment)):
        raise DeploymentError("Nothing is deployed from here: `make deploy` does that.")
    return deployed


class BackfillError(Exception):
    """A backfill is impossible: the message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Terraform's output `backfill`."""

    state_machine_arn: str
    source_bucket: str
    processed_bucket: str
    failure_queue_url: str
    inventory_bucket: str | None
    results_prefix: str
    prefix: str
    suffixes: list[str]
    batch_size: int
    max_concurrency: int
    tolerated_failure_percentage: float
    attempts: int
    function_name: str
    memory_mb: int
    architecture: str
    timeout_seconds: int
    variants: int


def backfill_deployment(file: Path | None) -> Deployment:
    """Return the deployment that *file* describes, by default the one in this repository."""
    output = _described_in(file) if file else _described_here()
    if not output:
        raise BackfillError("The backfill is off: apply `backfill = {}` first.")
    try:
        return Deployment(**{field.name: output[field.name] for field in fields(Deployment)})
    except (KeyError, TypeError) as error:
        where = f"DEPLOYMENT={file}" if file else "The output `backfill`"
        raise BackfillError(f"{where} is not of this version: {error!r}") from error


def _described_in(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BackfillError(
            f"DEPLOYMENT={file} is not what `{program(os.environ)} output -json backfill` prints:"
            f" {error}"
        ) from error


def _described_here() -> Any:
    try:
        deployed = outputs()
    except DeploymentError as error:
        raise BackfillError(str(error)) from error
    if not deployed:
        raise BackfillError(
            "Nothing is deployed from here: DEPLOYMENT=file takes what"
            f" `{program(os.environ)} output -json backfill` prints elsewhere."
        )
    return deployed.get("backfill")
