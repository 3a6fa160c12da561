"""What `make backfill` has to know of a deployment: some from Terraform, some from what runs."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from terraform import ROOT

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

EXPRESS_SECONDS = 300
"""After which Step Functions ends an Express execution."""


class BackfillError(Exception):
    """There can be no backfill: the message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Terraform's output `backfill`."""

    state_machine_arn: str
    source_bucket: str
    processed_bucket: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the state machine as it is deployed allows, for a batch and for all of it."""

    is_express: bool
    batch_seconds: float
    total_seconds: float
    reviewed_only: bool


def read(file: Path | None) -> Deployment:
    """Return the deployment that *file* describes, or else the one that Terraform made here."""
    if file:
        output = json.loads(file.read_text())
    else:
        answer = subprocess.run(
            ["terraform", "output", "-json"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        outputs = json.loads(answer.stdout) if answer.returncode == 0 else {}
        if not outputs:
            raise BackfillError(
                "Nothing is deployed from here: DEPLOYMENT=file takes what"
                " `terraform output -json backfill` prints elsewhere."
            )
        output = outputs.get("backfill", {}).get("value")
    if not output:
        raise BackfillError("The backfill is off: apply `backfill = {}` first.")
    return Deployment(**{field.name: output[field.name] for field in fields(Deployment)})


def limits(machines: "SFNClient", state_machine_arn: str) -> Limits:
    """Read the definition of the state machine."""
    answer = machines.describe_state_machine(stateMachineArn=state_machine_arn)
    definition = json.loads(answer["definition"])
    processor = definition["States"]["Listing"]["ItemProcessor"]
    batch = processor["States"][processor["StartAt"]]
    is_express = processor["ProcessorConfig"]["ExecutionType"] == "EXPRESS"
    seconds = _seconds(batch)
    return Limits(
        is_express=is_express,
        batch_seconds=min(seconds, EXPRESS_SECONDS) if is_express else seconds,
        total_seconds=definition["TimeoutSeconds"],
        reviewed_only=batch["Arguments"]["Payload"]["reviewed_only"],
    )


def _seconds(task: Mapping[str, Any]) -> float:
    """Return how long *task* can take with all its tries and the pauses between them."""
    retries = task.get("Retry", [])
    pauses = sum(
        retry["IntervalSeconds"] * retry["BackoffRate"] ** number
        for retry in retries
        for number in range(retry["MaxAttempts"])
    )
    tries = 1 + sum(retry["MaxAttempts"] for retry in retries)
    return float(tries * task["TimeoutSeconds"] + pauses)
