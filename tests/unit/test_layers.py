"""The architecture, read from the imports: they point down, and every service has one home."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import page

ROOT = Path(__file__).parents[2]
LAMBDA = ROOT / "lambda"

RANKS = {
    "errors": 0,
    "model": 1,
    "timing": 0,
    "urls": 0,
    "settings": 2,
    "events": 2,
    "guard": 2,
    "schema": 2,
    "web": 2,
    "keys": 2,
    "provenance": 2,
    "records": 2,
    "markup": 2,
    "download": 2,
    "imaging": 2,
    "aws": 2,
    "renderer": 2,
    "recipe": 3,
    "manifests": 3,
    "selection": 3,
    "sandbox": 3,
    "storage": 3,
    "failures": 3,
    "table": 3,
    "completion": 3,
    "uploads": 3,
    "processed": 4,
    "manifest_file": 4,
    "versioned": 5,
    "reconcile": 6,
    "api": 6,
    "prune": 7,
    "attempt": 7,
    "telemetry": 8,
    "index": 9,
}

HOMES = {
    "PIL": {"imaging"},
    "pillow_heif": {"imaging"},
    "boto3": {"table"},
    "botocore": {"aws", "storage", "table", "uploads", "index"},
    "mypy_boto3_dynamodb": {"table"},
    "mypy_boto3_events": {"completion"},
    "mypy_boto3_s3": {"guard", "storage", "uploads"},
    "mypy_boto3_sqs": {"failures"},
    "aws_lambda_powertools": {"telemetry", "index"},
    "os": {"index", "sandbox"},
    "time": {"index", "sandbox", "timing"},
    "signal": {"sandbox"},
}


def rooms() -> Iterator[tuple[str, Path]]:
    """Yield the source files, each with the module or package that it belongs to."""
    yield "index", LAMBDA / "index.py"
    for path in sorted((LAMBDA / "pipeline").rglob("*.py")):
        room = path.relative_to(LAMBDA / "pipeline").parts[0].removesuffix(".py")
        if room != "__init__":
            yield room, path


def imports(path: Path) -> set[str]:
    """Return the dotted names that *path* imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


ROOMS = list(rooms())
IDS = [str(path.relative_to(LAMBDA)) for _, path in ROOMS]


@pytest.mark.parametrize(("room", "path"), ROOMS, ids=IDS)
def test_imports_point_down(room: str, path: Path) -> None:
    own = {name.split(".")[1] for name in imports(path) if name.startswith("pipeline.")}
    upwards = {other for other in own - {room} if RANKS[other] >= RANKS[room]}
    assert not upwards


@pytest.mark.parametrize(("room", "path"), ROOMS, ids=IDS)
def test_every_service_is_known_in_its_home_only(room: str, path: Path) -> None:
    packages = {name.split(".")[0] for name in imports(path)}
    strangers = {package for package in packages if room not in HOMES.get(package, {room})}
    assert not strangers


def test_the_page_on_architecture_lists_every_module_in_its_layer() -> None:
    output = {
        name: int(rank)
        for rank, names in re.findall(r"^\| (\d) \| (.+?) \| ", page("architecture"), re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert output == RANKS
