"""Install the other engines beside the project; only the benchmark needs them."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

PYTHON_PEERS = ("numpy", "pyvips", "pyvips-binary")
NODE_PEERS = ("sharp",)


def install(folder: Path) -> Path | None:
    """Install what is missing into *folder*; return where Node's packages are, if Node is."""
    python, node = folder / "python", folder / "node"
    sys.path.append(str(python))
    if find_spec("numpy") is None or find_spec("pyvips") is None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(python)]
        subprocess.run([*command, *PYTHON_PEERS], check=True)
    if shutil.which("npm") is None:
        return None
    modules = node / "node_modules"
    if not (modules / "sharp").exists():
        node.mkdir(parents=True, exist_ok=True)
        (node / "package.json").write_text("{}")
        subprocess.run(
            ["npm", "install", "--silent", "--no-audit", *NODE_PEERS], cwd=node, check=True
        )
    return modules
