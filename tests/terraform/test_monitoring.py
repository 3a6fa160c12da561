"""The planned alarms, replayed: each fault fires its alarm and no other, and a quiet day none."""

import json
import random
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import awscli
import pytest
from awscli.clidriver import create_clidriver

from tests.documents import anchors, page
from tests.monitoring.alarms import Alarm, CloudWatch, Missing, State, replay
from tests.monitoring.dashboard import chart
from tests.monitoring.deployment import FAILED, Deployment, Invocation, MetricFilter, report
from tests.monitoring.emit import emitted
from tests.monitoring.metrics import DAY, HOUR, MINUTE, Metric, Metrics
from tools import ROOT
from tools.build.terraform_tests import Configuration

NAME: Final = "pets"
FAULT_AT: Final = 2 * HOUR + 17
EMPTIED_AT: Final = FAULT_AT + HOUR
MACHINE: Final = "arn:aws:states:eu-central-1:123456789012:stateMachine:pets-workflow-express"
BACKFILL: Final = "arn:aws:states:eu-central-1:123456789012:stateMachine:pets-backfill"

QUERY_WORDS: Final = {
    *("filter", "fields", "stats", "sort", "limit", "by", "asc", "desc", "or", "in"),
    *("count", "avg", "max", "ispresent"),
}

# Undocumented details must not matter.
CLOUDWATCHES: Final = (
    CloudWatch(more_periods=0, fills_empty=False),
    CloudWatch(more_periods=5, fills_empty=True),
)


class Plan:
    """The plan of a run of module_monitoring_alarms.tftest.hcl."""

    def __init__(self, changes: Sequence[Mapping[str, Any]]) -> None:
        self._changes = changes
        alarms = self.planned("aws_cloudwatch_metric_alarm")
        self.alarms = {name: Alarm.of(name, alarm) for name, alarm in alarms.items()}

    def planned(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Return the resources of a type by their key."""
        return {
            change.get("index", ""): change["change"]["after"]
            for change in self._changes
            if change["type"] == kind
        }

    def deployment(self) -> Deployment:
        metric_filters = self.planned("aws_cloudwatch_log_metric_filter").values()
        return Deployment(name=NAME, metric_filters=[*map(MetricFilter.of, metric_filters)])


@pytest.fixture(scope="module")
def plans() -> Iterator[Mapping[str, Plan]]:
    configuration = Configuration(ROOT / "build" / "terraform")
    configuration.prepare()
    with configuration.provider():
        plans = configuration.plans("module_monitoring_alarms")
        yield {run: Plan(changes) for run, changes in plans}


@pytest.fixture(scope="module")
def plan(plans: Mapping[str, Plan]) -> Plan:
    return plans["every_part_is_watched"]


def fired(plan: Plan, metrics: Metrics, until: int, cloudwatch: CloudWatch) -> set[str]:
    changes = replay(plan.alarms.values(), metrics, until=until, cloudwatch=cloudwatch)
    return {name for _, name, state in changes if state is State.ALARM}


# Faults, each amid an upload every 23 minutes.


def one_retry(deployment: Deployment) -> None:
    deployment.upload(FAULT_AT, FAILED, Invocation())


def one_rejection(deployment: Deployment) -> None:
    deployment.upload(FAULT_AT, Invocation(outcome="corrupt-image"), taken_away=EMPTIED_AT)


def retries_are_exhausted(deployment: Deployment) -> None:
    deployment.upload(FAULT_AT, FAILED, FAILED, FAILED, taken_away=EMPTIED_AT)


def queue_refuses(deployment: Deployment) -> None:
    deployment.upload(FAULT_AT, FAILED, FAILED, FAILED, reaches_queue=False)


def message_is_forgotten(deployment: Deployment) -> None:
    deployment.queue.append((FAULT_AT - 10 * DAY, EMPTIED_AT))


def one_timeout(deployment: Deployment) -> None:
    deployment.upload(FAULT_AT, Invocation(outcome="", seconds=60, error=True), Invocation())


def out_of_memory(deployment: Deployment) -> None:
    killed = Invocation(outcome="", memory_mb=1769, error=True)
    deployment.upload(FAULT_AT, killed, Invocation())


def one_slow_upload(deployment: Deployment) -> None:
    deployment.upload(FAULT_AT, Invocation(seconds=50))


def one_large_upload(deployment: Deployment) -> None:
    deployment.upload(FAULT_AT, Invocation(memory_mb=1650))


def folder_of_documents(deployment: Deployment) -> None:
    for number in range(6):
        document = Invocation(outcome="unsupported-format")
        deployment.upload(FAULT_AT + 70 * number, document, taken_away=EMPTIED_AT)


def a_few_documents_among_many_images(deployment: Deployment) -> None:
    for number in range(60):
        document = Invocation(outcome="unsupported-format" if number % 10 == 0 else "published")
        deployment.upload(FAULT_AT + 10 * number, document, taken_away=EMPTIED_AT)


def message_is_a_few_days_old(deployment: Deployment) -> None:
    deployment.queue.append((FAULT_AT - 3 * DAY, EMPTIED_AT))


def no_concurrency_left(deployment: Deployment) -> None:
    """Lambda retries throttled events at least every five minutes; some succeed."""
    for number in range(8):
        deployment.upload(40 + number, waits=FAULT_AT + HOUR + 280 * number)


def runaway(deployment: Deployment) -> None:
    for minute in range(30):
        again = Invocation(outcome="current")
        deployment.invoke(FAULT_AT + minute * MINUTE, again, times=500)


def loop(deployment: Deployment) -> None:
    dropped = "RecursiveInvocationsDropped"
    deployment.count("AWS/Lambda", dropped, 1, at=FAULT_AT, FunctionName=NAME)


def nothing_is_invoked(deployment: Deployment) -> None:
    deployment.receive(FAULT_AT)


def log_is_not_written(deployment: Deployment) -> None:
    deployment.upload(FAULT_AT, Invocation(is_logged=False))


def workflow_starts_nothing(deployment: Deployment) -> None:
    deployment.count("AWS/States", "ExecutionsStarted", 1, at=FAULT_AT, StateMachineArn=MACHINE)


def counted(namespace: str, name: str, **dimensions: str) -> Callable[[Deployment], None]:
    def fault(deployment: Deployment) -> None:
        deployment.count(namespace, name, 1, at=FAULT_AT, **dimensions)

    return fault


FAULTS: Final[Mapping[str, tuple[Callable[[Deployment], None], set[str]]]] = {
    "one retry": (one_retry, {"function_failing"}),
    "one rejection": (one_rejection, {"failed_uploads_waiting"}),
    # Both alarms are true, and each names the other cause as well.
    "retries exhausted": (retries_are_exhausted, {"function_failing", "failed_uploads_waiting"}),
    "queue refuses": (queue_refuses, {"function_failing", "uploads_lost"}),
    "forgotten": (message_is_forgotten, {"failed_uploads_expiring", "failed_uploads_waiting"}),
    "one timeout": (one_timeout, {"function_failing", "close_to_timeout"}),
    "out of memory": (out_of_memory, {"function_failing", "close_to_memory_limit"}),
    "one slow upload": (one_slow_upload, {"close_to_timeout"}),
    "one large upload": (one_large_upload, {"close_to_memory_limit"}),
    "documents": (folder_of_documents, {"many_rejected", "failed_uploads_waiting"}),
    "few documents": (a_few_documents_among_many_images, {"failed_uploads_waiting"}),
    "a few days old": (message_is_a_few_days_old, {"failed_uploads_waiting"}),
    "no concurrency left": (no_concurrency_left, {"uploads_waiting_too_long"}),
    "runaway": (runaway, {"many_invocations"}),
    "loop": (loop, {"recursion"}),
    "nothing is invoked": (nothing_is_invoked, {"no_results"}),
    "log is not written": (log_is_not_written, {"no_results"}),
    "workflow starts nothing": (workflow_starts_nothing, {"no_results"}),
    **{
        name: (counted("AWS/States", name, StateMachineArn=MACHINE), {"workflow_failing"})
        for name in ("ExecutionsFailed", "ExecutionsTimedOut")
    },
    **{
        name: (
            counted("AWS/Events", name, RuleName="pets-uploads"),
            {"uploads_not_delivered"},
        )
        for name in ("FailedInvocations", "InvocationsFailedToBeSentToDlq")
    },
    **{
        f"backfill {name}": (
            counted("AWS/States", name, StateMachineArn=BACKFILL),
            {"backfill_failing"},
        )
        for name in ("ExecutionsFailed", "ExecutionsTimedOut")
    },
    **{
        f"throttled {operation}": (
            counted(
                "AWS/DynamoDB", "ThrottledRequests", TableName="pets-records", Operation=operation
            ),
            {"table_throttled"},
        )
        for operation in ("GetItem", "PutItem", "Query")
    },
    "5xx": (counted("AWS/ApiGateway", "5xx", ApiId="a1b2c3d4e5"), {"upload_api_failing"}),
}


def amid_sparse_traffic(deployment: Deployment, until: int) -> None:
    for at in range(13, until, 23 * MINUTE):
        if not FAULT_AT - MINUTE < at < FAULT_AT + 20 * MINUTE:
            deployment.upload(at)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fires_its_alarm_and_no_other(plan: Plan, fault: str) -> None:
    inject, expected = FAULTS[fault]
    deployment, until = plan.deployment(), 5 * HOUR
    amid_sparse_traffic(deployment, until)
    inject(deployment)
    metrics = deployment.finish(until)
    for cloudwatch in CLOUDWATCHES:
        assert fired(plan, metrics, until, cloudwatch) == expected, cloudwatch


def test_every_alarm_has_a_fault_that_fires_it(plan: Plan) -> None:
    assert set().union(*(expected for _, expected in FAULTS.values())) == set(plan.alarms)


def test_a_quiet_day_fires_none(plan: Plan) -> None:
    dice = random.Random(17)
    deployment = plan.deployment()
    at = 0.0
    while (at := at + dice.expovariate(1 / (20 * MINUTE))) < DAY:
        seconds, memory_mb = dice.uniform(0.1, 40), dice.randint(200, 1500)
        outcome = dice.choice(
            ["published", "published", "current", "superseded", "removed", "skipped"]
        )
        deployment.upload(at, Invocation(outcome=outcome, seconds=seconds, memory_mb=memory_mb))
    metrics = deployment.finish(DAY)
    for cloudwatch in CLOUDWATCHES:
        assert fired(plan, metrics, DAY, cloudwatch) == set()


def test_a_busy_hour_fires_none(plan: Plan) -> None:
    deployment = plan.deployment()
    for second in range(0, HOUR, 2):
        deployment.upload(second)
    metrics = deployment.finish(2 * HOUR)
    for cloudwatch in CLOUDWATCHES:
        assert fired(plan, metrics, 2 * HOUR, cloudwatch) == set()


def test_every_alarm_is_ok_again_when_the_fault_is_over(plan: Plan) -> None:
    # The age of a message is a value for an hour, and CloudWatch looks back for some of them.
    deployment, until = plan.deployment(), 11 * HOUR
    amid_sparse_traffic(deployment, until)
    for inject, _ in FAULTS.values():
        inject(deployment)
    metrics, cloudwatch = deployment.finish(until), CLOUDWATCHES[1]
    changes = replay(plan.alarms.values(), metrics, until=until, cloudwatch=cloudwatch)
    last = {name: state for _, name, state in changes}
    assert last == dict.fromkeys(plan.alarms, State.OK)


def test_an_invocation_that_times_out_after_15_minutes_is_still_seen(
    plans: Mapping[str, Plan],
) -> None:
    plan = plans["windows_follow_the_timeout"]
    deployment, until = plan.deployment(), 4 * HOUR
    amid_sparse_traffic(deployment, until)
    deployment.upload(FAULT_AT, Invocation(outcome="", seconds=900, error=True), Invocation())
    metrics = deployment.finish(until)
    for cloudwatch in CLOUDWATCHES:
        assert fired(plan, metrics, until, cloudwatch) == {"function_failing", "close_to_timeout"}


@pytest.mark.parametrize("minutes", [1, 7, 23])
def test_two_of_three_minutes_would_miss_what_always_fails_at_a_low_rate(
    plan: Plan, minutes: int
) -> None:
    deployment = plan.deployment()
    for at in range(13, DAY // 4, minutes * MINUTE):
        deployment.upload(at, FAILED, FAILED, FAILED) if minutes == 1 else deployment.invoke(
            at, FAILED
        )
    usual = Alarm(
        name="usual",
        metrics={"errors": (Metric.of("AWS/Lambda", "Errors", FunctionName=NAME), "Sum")},
        expression="errors",
        period=MINUTE,
        datapoints=2,
        periods=3,
        threshold=0,
        missing=Missing.NOT_BREACHING,
    )
    metrics = deployment.finish(DAY // 4)
    changes = replay([usual], metrics, until=DAY // 4, cloudwatch=CLOUDWATCHES[1])
    assert (State.ALARM in {state for _, _, state in changes}) == (minutes == 1)
    assert "function_failing" in fired(plan, metrics, DAY // 4, CLOUDWATCHES[1])


def test_every_line_of_the_dashboard_has_values_when_everything_happens(plan: Plan) -> None:
    deployment = plan.deployment()
    amid_sparse_traffic(deployment, DAY)
    for inject in (folder_of_documents, queue_refuses, workflow_starts_nothing):
        inject(deployment)
    metrics = deployment.finish(DAY)
    [dashboard] = plan.planned("aws_cloudwatch_dashboard").values()
    widgets = json.loads(dashboard["dashboard_body"])["widgets"]
    for widget in widgets:
        if widget["type"] == "metric":
            shown = chart(widget["properties"], metrics, DAY)
            for label, values in shown.lines.items():
                assert any(value is not None for value in values), (shown.title, label)


def test_the_dashboard_fits_on_a_screen_and_no_widget_covers_another(plan: Plan) -> None:
    [dashboard] = plan.planned("aws_cloudwatch_dashboard").values()
    cells = [
        (x, y)
        for widget in json.loads(dashboard["dashboard_body"])["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert sorted(cells) == [(x, y) for x in range(24) for y in range(14)]


def test_the_page_on_costs_charges_for_the_metrics_that_are_planned(
    plans: Mapping[str, Plan],
) -> None:
    def metrics(plan: Plan, *alarms: str) -> int:
        return sum(len(plan.alarms[name].metrics) for name in alarms or plan.alarms)

    every, fewest = plans["every_part_is_watched"], plans["parts_that_are_off_have_no_alarms"]
    output = re.findall(
        r"^\| (\d+ alarms|with .*`.*`.*, \d alarms?.*) \| (\d+) metrics × 0\.10 \| ([\d.]+) \|$",
        page("costs"),
        re.MULTILINE,
    )
    counts = {what.split("`")[1] if "`" in what else "": int(count) for what, count, _ in output}
    assert counts == {
        "": metrics(fewest),
        "workflow": metrics(every, "workflow_failing")
        + metrics(every, "no_results")
        - metrics(fewest, "no_results"),
        "eventbridge": metrics(every, "uploads_not_delivered"),
        "backfill": metrics(every, "backfill_failing"),
        "metadata": metrics(every, "table_throttled") - 1,  # the upload API adds an operation
        "upload_api": metrics(every, "upload_api_failing") + 1,
    }
    assert all(float(price) == pytest.approx(int(count) / 10) for _, count, price in output)


def test_the_runbook_has_a_heading_for_every_alarm(plan: Plan) -> None:
    assert {name.replace("_", "-") for name in plan.alarms} <= anchors(page("operations"))


def test_the_aws_cli_knows_every_command_of_a_description(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    # Importing the CLI has set this, and other tests in this process remove all that tells of AWS.
    monkeypatch.setenv("AWS_DATA_PATH", str(Path(awscli.__file__).parent / "data"))
    cli = create_clidriver()
    alarms = plan.planned("aws_cloudwatch_metric_alarm") | plan.planned(
        "aws_cloudwatch_composite_alarm"
    )
    for alarm in alarms.values():
        command = alarm["alarm_description"].splitlines()[1].removeprefix("Run: ")
        if command.startswith("aws "):
            words = shlex.split(command.replace("$(($(date +%s) - 3600))", "1700000000"))[1:]
            # Reads the command, and prints what it could be given instead of sending anything.
            assert cli.main([*words, "--generate-cli-skeleton", "input"]) == 0, command


def test_every_field_of_a_saved_query_is_in_a_line_of_the_log(plan: Plan) -> None:
    lines = [line for lines in emitted(NAME).values() for line in lines] + [report(FAILED)]
    known = set().union(*map(_fields, lines)) | {"function_request_id"}  # added for each invocation
    for name, query in plan.planned("aws_cloudwatch_query_definition").items():
        text = re.sub(r'"[^"]*"|\bas \w+|bin\(\w+\)', "", query["query_string"])
        words = set(re.findall(r"@?[a-z_]+(?:\.\w+)*", text)) - QUERY_WORDS
        made = set(re.findall(r"\bas (\w+)", query["query_string"])) | {"@timestamp"}
        assert words - known <= made, name


def _fields(line: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the names by which Logs Insights knows the fields of a line."""
    for name, value in line.items():
        if isinstance(value, Mapping):
            yield from _fields(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
