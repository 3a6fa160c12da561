"""Bombs of every format are refused, or cost no more than the function has."""

import json
import os
import subprocess
import sys

import pytest

from tests.unit.imaging import bombs

FUNCTION_SECONDS = 60
FUNCTION_BYTES = bombs.LIMITS.memory_bytes

# Not refused: their headers promise what the limits allow.
HARMLESS = {
    "png at the limit",
    "png profile that inflates",
    "png text that inflates",
    "png unicode text that inflates",
    "png with many texts",
    "tiff tiles",
    "tiff strips",
    "tiff with many strips",
    "jpeg restart markers",
    "jpeg with a million comments",
    "jpeg with a large profile",
    "jpeg 2000 at the limit",
}


@pytest.mark.parametrize("name", bombs.BOMBS)
def test_bomb_does_no_harm(name: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.unit.imaging.bombs", name],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=FUNCTION_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-1000:]
    cost = json.loads(ended.stdout)
    assert cost["seconds"] < FUNCTION_SECONDS / 2
    assert cost["peak_bytes"] < FUNCTION_BYTES
    assert (cost["outcome"] == "made") == (name in HARMLESS), cost["outcome"]
