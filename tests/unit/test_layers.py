"""The architecture, read from the imports: they point down, and every service has one home."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAMBDA = ROOT / "lambda"

RANKS = {
    "errors": 0,
    "model": 1,
    "settings": 2,
    "events": 2,
    "schema": 2,
    "web": 2,
    "keys": 2,
    "stamps": 2,
    "attempts": 2,
    "records": 2,
    "download": 2,
    "imaging": 2,
    "manifests": 3,
    "recipes": 3,
    "telemetry": 3,
    "storage": 4,
    "queue": 4,
    "table": 4,
    "announcements": 4,
    "completion": 5,
    "uploads": 5,
    "catalog": 5,
    "publication": 5,
    "placement": 6,
    "api": 6,
    "process": 7,
    "backfill": 8,
    "index": 9,
}

HOMES = {
    "PIL": {"imaging"},
    "pi_heif": {"imaging"},
    "boto3": {"storage", "queue", "table", "index"},
    "botocore": {"storage", "queue", "table", "announcements", "uploads", "index"},
    "mypy_boto3_dynamodb": {"table"},
    "mypy_boto3_events": {"announcements"},
    "mypy_boto3_s3": {"storage", "uploads"},
    "mypy_boto3_sqs": {"queue"},
    "aws_lambda_powertools": {"api", "telemetry", "index"},
    "os": {"index"},
    "time": {"attempts"},
    "signal": {"attempts"},
}


def rooms() -> Iterator[tuple[str, Path]]:
    """Yield the source files with the name of the module or package that each belongs to."""
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


def test_the_readme_tells_of_every_room_in_its_place() -> None:
    readme = (ROOT / "README.md").read_text()
    told = {
        name: int(rank)
        for rank, names in re.findall(r"^\| (\d) \| (.+?) \| ", readme, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert told == RANKS
