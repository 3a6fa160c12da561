"""Complete MiniStack's Lambda: names of errors, timeouts that end every process, and unpacking.

Nothing here runs on AWS. MiniStack reports every exception as `Runtime.HandlerError` and omits its
traceback. When a function times out, it ends the first process only, not those that the function
has started. It unpacks the code for every execution environment, which takes half a second.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import threading
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, ClassVar, Final

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
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": _UnpackedOnce})


class _UnpackedOnce(zipfile.ZipFile):
    """Unpacks the latest code once; execution environments get hard links to its files.

    That is safe because functions cannot write to their code on AWS either.
    """

    _lock: ClassVar = threading.Lock()
    _digest: ClassVar = b""
    _folder: ClassVar["TemporaryDirectory[str] | None"] = None

    def extractall(self, path: Any = None, *_: Any) -> None:
        cls = type(self)
        digest = hashlib.sha256(Path(str(self.filename)).read_bytes()).digest()
        with cls._lock:
            if cls._folder is None or cls._digest != digest:
                folder = TemporaryDirectory(prefix="unpacked-")
                super().extractall(folder.name)
                cls._folder, cls._digest = folder, digest
            shutil.copytree(cls._folder.name, path, copy_function=os.link, dirs_exist_ok=True)


def _kill(worker: "subprocess.Popen[str] | None") -> None:
    """End an execution environment: the function's process and its whole process group."""
    if worker is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)


def _execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    response: dict[str, Any] = _original(function, event, request_id)
    if response.get("error") and response["body"]["errorType"] == NAMELESS:
        response["body"]["errorType"] = error_name(response)
    return response


def error_name(response: Mapping[str, Any]) -> str:
    """Return AWS's name of the error in *response*: the exception's class, or a runtime error.

    A traceback ends with the qualified name of the class and the message.
    """
    message = response["body"]["errorMessage"]
    if message in _DEATHS:
        return "Runtime.ExitError"
    head = response["log"].rstrip().removesuffix(message.rstrip()).removesuffix(": ")
    return head.rstrip().rpartition("\n")[2].rpartition(".")[2] or NAMELESS
