"""Map states in distributed mode with JSONata, which MiniStack only runs with JSONPath."""

import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
from ministack.services import stepfunctions

from tools.local.ministack import distributed_map
from tools.local.ministack.distributed_map import Child, MapRun, StateFailed
from tools.local.ministack.execution import Running, Stopped
from tools.local.ministack.roles import credentials, refusal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DISTRIBUTED_FIELDS = (
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "MaxConcurrency",
    "ToleratedFailurePercentage",
    "ToleratedFailureCount",
)


def run_map(
    state: Mapping[str, Any],
    given: Any,
    processor: Mapping[str, Any],
    running: Running,
    context: dict[str, Any],
) -> tuple[Any, str | None]:
    """Run a Map state; return its output and the next state, which is None after a stop."""
    try:
        output = _DistributedMap(state, given, processor, running, context).run()
    except StateFailed as failure:
        raise stepfunctions._ExecutionError(failure.error, failure.cause) from failure
    if running.is_stopped:
        return given, None
    stepfunctions._apply_state_assign(state, given, context, result=output)
    output = stepfunctions._apply_jsonata_output(
        state, given, context, result=output, default=output
    )
    return output, stepfunctions._next_or_end(state)


class _DistributedMap:
    """One running Map state in distributed mode."""

    def __init__(
        self,
        state: Mapping[str, Any],
        given: Any,
        processor: Mapping[str, Any],
        running: Running,
        context: dict[str, Any],
    ) -> None:
        self._state = state
        self._given = given
        self._processor = processor
        self._running = running
        self._context = context
        parent = running.record["stateMachineArn"]
        self._machine_arn = f"{parent}/{state.get('Label') or uuid4()}"
        self._arn = f"{self._machine_arn.replace(':stateMachine:', ':mapRun:')}:{uuid4()}"

    def run(self) -> Any:
        """Return the result of the state; raise `StateFailed`."""
        role, parent = self._running.role_arn, self._running.record["stateMachineArn"]
        if sentence := refusal(role, "states:StartExecution", parent):
            raise StateFailed("States.Permissions", sentence)
        s3 = _s3_client(role)
        settings = {
            name: self._evaluated(self._state[name])
            for name in _DISTRIBUTED_FIELDS
            if name in self._state
        }
        run = MapRun(
            children=self._children(self._items(settings, s3), settings.get("ItemBatcher")),
            max_concurrency=settings.get("MaxConcurrency", 0),
            tolerated_percentage=settings.get("ToleratedFailurePercentage"),
            tolerated_count=settings.get("ToleratedFailureCount"),
        )
        show = partial(self._show, run)
        show()
        status = run.run(self._execute, is_stopped=lambda: self._running.is_stopped, on_change=show)
        output: Any = [child.output for child in run.children]
        if writer := settings.get("ResultWriter"):
            written = distributed_map.write_results(writer, run, self._arn, s3)
            output = {"MapRunArn": self._arn, "ResultWriterDetails": written}
        self._show(run, status)
        if status == "FAILED":
            raise StateFailed(
                "States.ExceedToleratedFailureThreshold",
                "The specified tolerated failure threshold was exceeded",
            )
        return output

    def _items(self, settings: Mapping[str, Any], s3: "S3Client") -> list[Any]:
        if "ItemReader" in settings:
            items = distributed_map.read_items(settings["ItemReader"], s3)
        else:
            items = self._evaluated(self._state.get("Items", self._given))
        if selector := self._state.get("ItemSelector"):
            return [
                self._evaluated(selector, Map={"Item": {"Index": index, "Value": item}})
                for index, item in enumerate(items)
            ]
        return items

    def _children(self, items: list[Any], batcher: Mapping[str, Any] | None) -> list[Child]:
        beginning = self._machine_arn.replace(":stateMachine:", ":execution:")
        return [
            Child(
                arn=f"{beginning}:{uuid4()}",
                machine_arn=self._machine_arn,
                input=given,
                items=number,
            )
            for given, number in distributed_map.inputs(items, batcher)
        ]

    def _execute(self, child: Child) -> Any:
        """Run a child until it ends or its parent is stopped.

        It has the parent's role, but none of its variables.
        """
        record = {
            "executionArn": child.arn,
            "stateMachineArn": child.machine_arn,
            "name": child.arn.rpartition(":")[2],
            "status": "RUNNING",
            "startDate": stepfunctions.now_iso(),
            "stopDate": None,
            "input": json.dumps(child.input),
            "output": None,
            "mapRunArn": self._arn,
            "events": [],
        }
        stepfunctions._executions[child.arn] = record
        context = {
            "QueryLanguage": "JSONata",
            "Execution": {
                "Id": child.arn,
                "Input": child.input,
                "Name": record["name"],
                "StartTime": record["startDate"],
            },
            "StateMachine": {"Id": child.machine_arn, "Name": child.machine_arn.split(":")[6]},
            "variables": {},
        }
        states, start = self._processor["States"], self._processor["StartAt"]
        try:
            output = stepfunctions._run_sub_machine(states, start, child.input, record, context)
        except Stopped:
            record.update(status="ABORTED", stopDate=stepfunctions.now_iso())
            return None
        except stepfunctions._ExecutionError as failure:
            record.update(
                status="FAILED",
                error=failure.error,
                cause=failure.cause,
                stopDate=stepfunctions.now_iso(),
            )
            raise StateFailed(failure.error, failure.cause) from failure
        record.update(
            status="SUCCEEDED", output=json.dumps(output), stopDate=stepfunctions.now_iso()
        )
        return output

    def _show(self, run: MapRun, status: str = "RUNNING") -> None:
        """Make DescribeMapRun report the progress of *run*."""
        record = stepfunctions._map_runs.get(self._arn) or {
            "mapRunArn": self._arn,
            "executionArn": self._running.record["executionArn"],
            "startDate": stepfunctions.now_iso(),
            "maxConcurrency": run.max_concurrency,
            "toleratedFailurePercentage": run.tolerated_percentage or 0,
            "toleratedFailureCount": run.tolerated_count or 0,
            "redriveCount": 0,
            "_stateMachineArn": self._machine_arn,
        }
        stepfunctions._map_runs[self._arn] = {
            **record,
            "status": status,
            "itemCounts": run.item_counts(),
            "executionCounts": run.execution_counts(),
            **({} if status == "RUNNING" else {"stopDate": stepfunctions.now_iso()}),
        }

    def _evaluated(self, template: Any, **context: Any) -> Any:
        return stepfunctions._apply_jsonata_template(
            template, self._given, {**self._context, **context}
        )


def _s3_client(role_arn: str) -> "S3Client":
    """Return a client with the permissions of the role."""
    return boto3.Session(**credentials(role_arn)).client("s3")
