import importlib
import traceback

import pytest

from tools.local import ministack
from tools.local.ministack.functions import error_name


class OutOfLuck(Exception):
    pass


def failed(error: Exception, *, lines: str = "") -> dict[str, object]:
    """Return MiniStack's response for *error*."""
    trace = "".join(traceback.format_exception(error))
    return {
        "error": True,
        "body": {"errorMessage": str(error), "errorType": "Runtime.HandlerError"},
        "log": f"{lines}\n{trace}",
    }


@pytest.mark.parametrize("message", ["none left", "two\nlines", "a: b", "x.y: none left", ""])
def test_an_error_has_the_name_of_its_class(message: str) -> None:
    assert error_name(failed(OutOfLuck(message))) == "OutOfLuck"


def test_an_error_does_not_have_the_name_of_its_cause() -> None:
    error = OutOfLuck("none left")
    error.__cause__ = ExceptionGroup("two failed", [ValueError("one"), ValueError("two")])
    assert error_name(failed(error)) == "OutOfLuck"


def test_a_log_line_is_not_an_error() -> None:
    response = failed(OutOfLuck("none left"), lines="something else: none left")
    assert error_name(response) == "OutOfLuck"


def test_a_killed_function_is_a_runtime_error() -> None:
    body = {"errorMessage": "Worker process died", "errorType": "Runtime.HandlerError"}
    assert error_name({"body": body, "log": ""}) == "Runtime.ExitError"


def test_another_version_of_ministack_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ministack, "MINISTACK", "1.5.0")

    with pytest.raises(ImportError, match=r"completes MiniStack 1\.5\.0"):
        importlib.import_module("tools.local.ministack.app")
