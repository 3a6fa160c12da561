"""The architecture, read from the imports: they point down, and every service has one home."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.documents import page

ROOT = Path(__file__).parents[2]
LAMBDA = ROOT / "lambda"

RANKS = {
    "errors": 0,
    "timing": 0,
    "urls": 0,
    "model": 1,
    "settings": 2,
    "events": 2,
    "keys": 2,
    "provenance": 2,
    "records": 2,
    "markup": 2,
    "download": 2,
    "imaging": 2,
    "renderer": 2,
    "recipe": 3,
    "selection": 3,
    "manifests": 3,
    "sandbox": 3,
    "aws": 3,
    "telemetry": 3,
    "processed": 4,
    "web": 4,
    "attempt": 5,
    "index": 6,
}

HOMES = {
    "PIL": {"imaging"},
    "pillow_heif": {"imaging"},
    "boto3": {"aws.table"},
    "botocore": {"aws", "index"},
    "mypy_boto3_dynamodb": {"aws.table"},
    "mypy_boto3_events": {"aws.completion"},
    "mypy_boto3_s3": {"aws.guard", "aws.storage", "aws.uploads"},
    "mypy_boto3_sqs": {"aws.failures"},
    "aws_lambda_powertools": {"telemetry", "index"},
    "os": {"index", "sandbox"},
    "time": {"index", "sandbox", "timing"},
    "signal": {"sandbox"},
}
"""Which modules, or packages with all of theirs, may import each of these."""


def modules() -> Iterator[tuple[str, Path]]:
    """Yield the name of every module within `pipeline`, and of the handler, with its source."""
    yield "index", LAMBDA / "index.py"
    for path in sorted((LAMBDA / "pipeline").rglob("*.py")):
        parts = path.relative_to(LAMBDA / "pipeline").with_suffix("").parts
        if parts != ("__init__",):
            yield ".".join(parts).removesuffix(".__init__"), path


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


MODULES = dict(modules())


def own_imports(name: str) -> set[str]:
    """Return the modules of `pipeline` that the module *name* imports."""
    dotted = {one.removeprefix("pipeline.") for one in imports(MODULES[name])}
    # What is imported from a module is that module or something in it.
    return {one if one in MODULES else one.rpartition(".")[0] for one in dotted} & MODULES.keys()


def layer(name: str) -> int:
    return RANKS[name.partition(".")[0]]


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name: str) -> None:
    package = name.partition(".")[0]
    others = {one for one in own_imports(name) if one.partition(".")[0] != package}
    assert not {one for one in others if layer(one) >= layer(name)}


def test_no_modules_import_each_other() -> None:
    imported = {name: own_imports(name) - {name} for name in MODULES}
    assert len(list(TopologicalSorter(imported).static_order())) == len(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_every_service_is_known_in_its_home_only(name: str) -> None:
    packages = {one.partition(".")[0] for one in imports(MODULES[name])} & HOMES.keys()
    assert not {
        one for one in packages if not any(f"{name}.".startswith(f"{home}.") for home in HOMES[one])
    }


def test_the_page_on_architecture_lists_every_module_in_its_layer() -> None:
    output = {
        name: int(rank)
        for rank, names in re.findall(r"^\| (\d) \| (.+?) \| ", page("architecture"), re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert output == RANKS
