"""What MiniStack's Lambda lacks of AWS's: the names of errors, and environments that end whole.

Nothing of this runs on AWS. MiniStack calls whatever a function raises `Runtime.HandlerError`, and
keeps its traceback. Of a function that takes too long it ends the first process only, not those
that the function has started.
"""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any, Final

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

NAMELESS: Final = "Runtime.HandlerError"

_DEATHS: Final = {"Worker process died", "Worker returned no response"}

_original = lambda_svc._execute_function_warm


def install() -> None:
    """Complete MiniStack."""
    lambda_svc._execute_function_warm = _execute
    popen = partial(subprocess.Popen, process_group=0)
    lambda_runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": popen})
    lambda_runtime._signal = _kill


def _kill(worker: "subprocess.Popen[str] | None") -> None:
    """End an execution environment: the process that runs the function, and all of its group."""
    if worker is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)


def _execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = _original(function, event, request_id)
    if answer.get("error") and answer["body"]["errorType"] == NAMELESS:
        answer["body"]["errorType"] = error_name(answer)
    return answer


def error_name(answer: Mapping[str, Any]) -> str:
    """Return what AWS calls the error of *answer*: its class, or what became of the runtime.

    A traceback ends in the name of the class, with its modules, and the message.
    """
    message = answer["body"]["errorMessage"]
    if message in _DEATHS:
        return "Runtime.ExitError"
    head = answer["log"].rstrip().removesuffix(message.rstrip()).removesuffix(": ")
    return head.rstrip().rpartition("\n")[2].rpartition(".")[2] or NAMELESS
