"""Run the workflow's state machine with fake tasks, on the local cloud's engine."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

os.environ["SFN_WAIT_SCALE"] = "0"  # read when the engine is imported; waits take no time

from ministack.services import stepfunctions

Task: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""A fake task: called with the task's arguments, may raise `TaskFailed`."""

TaskFailed = stepfunctions._ExecutionError

TEMPLATE: Final = Path(__file__).parents[2] / "modules" / "workflow" / "workflow.asl.yaml"

_PATIENCE: Final = {
    "interval_seconds": 1,
    "backoff_rate": 2,
    "max_delay_seconds": 8,
    "max_attempts": 1,
    "max_review_attempts": 1,
}

_tasks: ContextVar[Mapping[str, Task]] = ContextVar("tasks")


def definition(*, reviewed: bool) -> Mapping[str, Any]:
    """Return the machine as Terraform renders it, with tasks called `invoke` and `send`.

    Transient errors are retried once.
    """
    values = {
        "invoke": "invoke",
        "send_message": "send",
        "function_arn": "function",
        "failure_queue_url": "queue",
        "review": {"function_arn": "review", "timeout_seconds": 30} if reviewed else None,
        "admission": _PATIENCE,
        "patience": _PATIENCE,
        "transient_errors": json.dumps(["TransientFailure", "Lambda.Unknown"]),
        "inspect_deadline": "null",
        "deadline": "null",
        "step_seconds": 60,
    }
    expression = f"yamldecode(templatefile({json.dumps(str(TEMPLATE))}, {json.dumps(values)}))"
    # In its own folder, because the console locks the state in its folder.
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["terraform", "console"],
            input=f"jsonencode({expression})",
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    rendered: dict[str, Any] = json.loads(json.loads(done.stdout))
    return rendered


def run(machine: Mapping[str, Any], event: Mapping[str, Any], **tasks: Task) -> None:
    """Run *machine* for *event*. Raises `TaskFailed` if it fails."""
    _tasks.set(tasks)
    now = datetime.now(UTC).isoformat()
    context = {
        "QueryLanguage": machine["QueryLanguage"],
        "Execution": {"Id": "execution", "Input": event, "StartTime": now},
        "variables": {},
    }
    execution: dict[str, Any] = {"status": "RUNNING", "events": []}
    stepfunctions._run_sub_machine(machine["States"], machine["StartAt"], event, execution, context)


def _invoke_resource(resource: str, arguments: Mapping[str, Any]) -> Any:
    result = _tasks.get()[resource](json.loads(json.dumps(arguments)))
    return {"Payload": result}


stepfunctions._invoke_resource = _invoke_resource

_compile = stepfunctions.jsonata.Jsonata.jsonata


def _without_timeout(expression: str, **_: int) -> Any:
    """Compile *expression*, which would get one second of real time: too few on a busy machine."""
    return _compile(expression)


stepfunctions.jsonata.Jsonata.jsonata = _without_timeout
