"""What MiniStack's Lambda lacks of AWS's: the names of errors, which state machines go by.

Nothing of this runs on AWS. MiniStack calls whatever a function raises `Runtime.HandlerError`, and
keeps its traceback.
"""

from collections.abc import Mapping
from typing import Any, Final

from ministack.services import lambda_svc

NAMELESS: Final = "Runtime.HandlerError"

_DEATHS: Final = {"Worker process died", "Worker returned no response"}

_original = lambda_svc._execute_function_warm


def install() -> None:
    """Complete MiniStack."""
    lambda_svc._execute_function_warm = _execute


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
