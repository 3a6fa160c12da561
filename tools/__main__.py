"""The command line of all tools: `python tools COMMAND`, from any folder.

`package` and `install` need the standard library only, and any Python 3 can read this.
"""

import importlib
import sys
from pathlib import Path

COMMANDS = {
    "audit": "tools.build.audit",
    "backfill": "tools.operations.backfill",
    "bench": "tools.bench.run",
    "bench-memory": "tools.bench.sizing",
    "check-definitions": "tools.build.check_definitions",
    "demo": "tools.local.demo",
    "deploy": "tools.operations.deploy",
    "destroy": "tools.operations.destroy",
    "doctor": "tools.operations.doctor.run",
    "down": "tools.local.down",
    "gallery": "tools.local.gallery",
    "install": "tools.build.install",
    "logs": "tools.operations.logs",
    "package": "tools.build.package",
    "prune": "tools.operations.prune",
    "redrive": "tools.operations.redrive",
    "status": "tools.operations.status",
    "up": "tools.local.up",
    "validate-aws": "tools.operations.validate_aws",
    "variables": "tools.build.variables_page",
    "walk": "tools.bench.walk",
}


def main() -> None:
    """Run the command named by the first argument with the remaining arguments."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        sys.exit("usage: python tools COMMAND [--help], with one of: " + ", ".join(COMMANDS))
    if sys.version_info < (3, 11) and name != "install":
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"Python 3.11 or later is needed, and {sys.executable} is {version}.")
    sys.argv[:2] = [f"tools {name}"]
    importlib.import_module(COMMANDS[name]).main()


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    main()
