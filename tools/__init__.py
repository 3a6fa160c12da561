"""What runs on a developer's or an operator's machine, never in the function."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

sys.path.append(str(ROOT / "lambda"))  # some tools use the function's own code
