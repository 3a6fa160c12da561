"""Where the code of one upload leads, as `python tools walk` counts it."""

import re
import subprocess
import sys

from tools import ROOT


def test_an_upload_goes_down_the_layers_and_reaches_s3_in_few_frames() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools", "walk", "--in-process"],
        capture_output=True,
        text=True,
        check=True,
    )
    counts = dict(re.findall(r"^(\w+) +(\d+)  target", done.stdout, re.M))
    assert int(counts["modules"]) > 10
    assert 0 < int(counts["frames"]) <= 5
    assert int(counts["upwards"]) == 0
