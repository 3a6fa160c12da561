"""Run all *.tftest.hcl files, and try what variables accept and refuse."""

from collections.abc import Iterable, Iterator, Mapping

import pytest

from tests.terraform.values import ACCEPTED, REFUSED
from tools import ROOT
from tools.build.terraform_tests import Configuration, Run, runs
from tools.terraform import TESTS


@pytest.fixture(scope="module")
def configuration() -> Iterator[Configuration]:
    configuration = Configuration(ROOT / "build" / "terraform")
    configuration.prepare()
    with configuration.provider():
        yield configuration


@pytest.fixture(scope="module")
def troubles(request: pytest.FixtureRequest, configuration: Configuration) -> Mapping[Run, str]:
    """The errors of each run, for all files with a selected run."""
    return configuration.test(sorted(set(_files_of(request.session.items))))


def _files_of(items: Iterable[pytest.Item]) -> Iterator[str]:
    for item in items:
        if isinstance(item, pytest.Function) and item.originalname == "test_every_run_passes":
            run = item.callspec.params["run"]
            assert isinstance(run, Run)
            yield run.file


def test_the_configuration_is_valid(configuration: Configuration) -> None:
    configuration.validate()


@pytest.mark.parametrize(
    "run",
    runs(),
    ids=lambda run: f"{run.file.removeprefix(f'{TESTS}/').removesuffix('.tftest.hcl')}-{run.name}",
)
def test_every_run_passes(troubles: Mapping[Run, str], run: Run) -> None:
    assert troubles[run] == ""


@pytest.fixture(scope="module")
def surprises(configuration: Configuration) -> Mapping[str, str]:
    """How the plan of each value differs from what is expected, empty if it does not."""
    runs: dict[str, Mapping[str, object]] = {
        name: {"command": "plan", "variables": values} for name, values in ACCEPTED.items()
    }
    for variable, cases in REFUSED.items():
        for name, values in cases.items():
            refused = {
                "command": "plan",
                "variables": values,
                "expect_failures": [f"var.{variable}"],
            }
            runs[f"{variable}: {name}"] = refused
    return configuration.test_values(runs)


@pytest.mark.parametrize(
    "name", [f"{variable}: {name}" for variable, cases in REFUSED.items() for name in cases]
)
def test_a_plan_refuses(surprises: Mapping[str, str], name: str) -> None:
    assert surprises[name] == ""


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_plan_accepts(surprises: Mapping[str, str], name: str) -> None:
    assert surprises[name] == ""
