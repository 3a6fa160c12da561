"""Run all *.tftest.hcl files."""

from collections.abc import Iterable, Iterator, Mapping

import pytest

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
            yield item.callspec.params["run"].file  # type: ignore[attr-defined]


def test_the_configuration_is_valid(configuration: Configuration) -> None:
    configuration.validate()


@pytest.mark.parametrize(
    "run",
    runs(),
    ids=lambda run: f"{run.file.removeprefix(f'{TESTS}/').removesuffix('.tftest.hcl')}-{run.name}",
)
def test_every_run_passes(troubles: Mapping[Run, str], run: Run) -> None:
    assert troubles[run] == ""
