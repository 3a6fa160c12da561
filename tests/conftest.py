"""What all tests share: how they are spread over processes, Ctrl-C, and an option against skips."""

import signal
from collections.abc import Generator
from typing import TypeVar

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# What takes minutes begins first, or the last process would be alone with it. The first three wait
# for the provider most of the time. Files that are not here follow in the order of their names.
LONGEST_FIRST = (
    *("test_lifecycle", "test_deployment", "test_workflow_switch", "test_pipeline"),
    *("test_workflow", "test_backfill", "test_load", "test_upload_page", "test_permissions"),
    *("test_local_up", "test_local_cloud_workflows"),
)

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--forbid-skips", action="store_true", help="fail what is skipped: nothing may be missing"
    )


def pytest_configure() -> None:
    # A shell has its background jobs ignore Ctrl-C; what the tests start and interrupt would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a process the next group of tests when it has finished one, in the given order."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid) or nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    return Scheduler(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _rank(_group(item.nodeid)))


def _group(nodeid: str) -> str | None:
    """Return what a test has in common with those that must run in the same process, if anything.

    Tests on the local cloud share a deployment, those of Terraform a folder and a provider.
    """
    _, folder, *names = nodeid.partition("::")[0].split("/")
    if folder == "terraform":
        return folder
    if folder == "e2e":
        # The tests of the page want the same deployment.
        name = names[-1].removesuffix(".py")
        return "test_upload_page" if name.startswith("test_upload_page") else name
    return None


def _rank(group: str | None) -> tuple[int, int]:
    """Return when a group begins: of e2e the longest first, then Terraform, then all else."""
    if group in LONGEST_FIRST:
        return 0, LONGEST_FIRST.index(group)
    return (3 if group is None else 2 if group == "terraform" else 1), 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _without_skip((yield), item.config)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _without_skip((yield), collector.config)


def _without_skip(report: Report, config: pytest.Config) -> Report:
    if report.skipped and not hasattr(report, "wasxfail") and config.getoption("--forbid-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which --forbid-skips forbids: {report.longrepr}"
    return report
