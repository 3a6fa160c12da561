"""The engine's modules import downwards only, and rarely used ones are not loaded at the start."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

LAMBDA = Path(__file__).parents[3] / "lambda"
PACKAGE = "pipeline.imaging"
RARE = {"copies", "containers.avif", "containers.bmp", "containers.heif", "containers.tiff"}


def imports(path: Path) -> set[str]:
    """Return the modules of the engine that *path* imports, within functions as well."""
    nodes = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
    ]
    return {
        name
        for node in nodes
        for name in (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names))
    }


def test_no_modules_import_each_other() -> None:
    files = {
        ".".join(path.relative_to(LAMBDA).with_suffix("").parts): path
        for path in (LAMBDA / "pipeline/imaging").rglob("*.py")
        if path.stem != "__init__"
    }
    graph = {name: imports(path) & (files.keys() - {name}) for name, path in files.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(files)


def test_start_loads_no_rarely_used_module() -> None:
    code = f"from {PACKAGE} import open_image, render; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=LAMBDA, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert f"{PACKAGE}.decode" in loaded
    assert not loaded & {f"{PACKAGE}.{name}" for name in RARE}
