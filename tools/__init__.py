"""Tools for developers and operators; none of this runs in the function."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

sys.path.append(str(ROOT / "lambda"))  # some tools import the function's code
