"""Where the code of one upload leads, as `python tools walk` counts it."""

import re
import subprocess
import sys

import pytest

from tools import ROOT


@pytest.fixture(scope="module")
def counts() -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, ROOT / "tools", "walk", "--in-process"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)  target", done.stdout, re.M)
    }


def test_few_frames_lie_between_the_handler_and_the_first_byte(counts: dict[str, int]) -> None:
    assert 0 < counts["frames"] <= 5


def test_no_call_goes_up_in_the_layers(counts: dict[str, int]) -> None:
    assert counts["modules"] > 10
    assert counts["upwards"] == 0
