"""Complete MiniStack's Step Functions: enforced roles, effective stops, distributed maps.

Nothing here runs on AWS. `install` replaces the functions of MiniStack that it names.
"""

import json
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
from ministack.core.responses import error_response_json
from ministack.services import stepfunctions

from tools.local.ministack import distributed_map
from tools.local.ministack.distributed_map import Child, MapRun, StateFailed
from tools.local.ministack.invocations import cores
from tools.local.ministack.roles import can_be_assumed, credentials, refusal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SERVICE = "states.amazonaws.com"

_DISTRIBUTED_FIELDS = (
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "MaxConcurrency",
    "ToleratedFailurePercentage",
    "ToleratedFailureCount",
)


@dataclass(frozen=True)
class Running:
    """The execution that the current thread works for, and its role."""

    record: dict[str, Any]
    role_arn: str

    @property
    def is_stopped(self) -> bool:
        return bool(self.record["status"] != "RUNNING")


class Stopped(Exception):
    """The execution was stopped: no Retry or Catch matches this."""


_running: ContextVar[Running | None] = ContextVar("running", default=None)

_original_run = stepfunctions._run_execution
_original_fail = stepfunctions._fail_execution
_original_invoke = stepfunctions._invoke_resource
_original_timed_invoke = stepfunctions._invoke_resource_with_timeout
_original_map = stepfunctions._run_distributed_map
_original_create = stepfunctions._create_state_machine
_original_update = stepfunctions._update_state_machine


def install() -> None:
    """Complete MiniStack."""
    stepfunctions._run_execution = _run
    stepfunctions._fail_execution = _fail
    stepfunctions._invoke_resource = _invoke
    stepfunctions._invoke_resource_with_timeout = _timed_invoke
    stepfunctions._run_distributed_map = _map
    stepfunctions._create_state_machine = partial(_if_trusted, _original_create)
    stepfunctions._update_state_machine = partial(_if_trusted, _original_update)


def _if_trusted(change: Any, request: Mapping[str, Any]) -> Any:
    """Create or update a state machine only if Step Functions can assume its role.

    MiniStack forgets whether it is traced, which Terraform reads.
    """
    role, arn = request.get("roleArn"), _arn(request)
    if role and not can_be_assumed(role, service=SERVICE, source_arn=arn):
        sentence = f"Neither the global service principal {SERVICE}, nor the regional one is \
authorized to assume the provided role."
        return error_response_json("AccessDeniedException", sentence, 400)
    answer = change(request)
    if (machine := stepfunctions._state_machines.get(arn)) and "tracingConfiguration" in request:
        machine["tracingConfiguration"] = request["tracingConfiguration"]
    return answer


def _arn(request: Mapping[str, Any]) -> str:
    region, account = stepfunctions.get_region(), stepfunctions.get_account_id()
    new = f"arn:aws:states:{region}:{account}:stateMachine:{request.get('name')}"
    return str(request.get("stateMachineArn", new))


def _run(execution_arn: str) -> None:
    """Run an execution with the role of its state machine."""
    record = stepfunctions._executions[execution_arn]
    machine = stepfunctions._state_machines[record["stateMachineArn"]]
    token = _running.set(Running(record, machine["roleArn"]))
    try:
        _original_run(execution_arn)
    finally:
        _running.reset(token)


def _fail(record: dict[str, Any], error: str, cause: str) -> None:
    """Fail an execution, unless it was stopped first."""
    if record["status"] == "RUNNING":
        _original_fail(record, error, cause)


def _invoke(resource: str, arguments: dict[str, Any]) -> Any:
    """Run a task, if its execution was not stopped and its role permits it."""
    running = _running.get()
    if running is None:
        return _original_invoke(resource, arguments)
    if running.is_stopped:
        raise Stopped
    if resource.endswith(":lambda:invoke"):
        function = _function_arn(arguments["FunctionName"])
        needed, error = ("lambda:InvokeFunction", function), "Lambda.AWSLambdaException"
    elif resource.endswith(":sqs:sendMessage"):
        needed, error = ("sqs:SendMessage", _queue_arn(arguments["QueueUrl"])), "SQS.SqsException"
    else:
        raise stepfunctions._ExecutionError(
            "States.Runtime", f"the local cloud does not know what permission {resource} takes"
        )
    if sentence := refusal(running.role_arn, *needed):
        raise stepfunctions._ExecutionError(error, sentence)
    return _original_invoke(resource, arguments)


def _timed_invoke(resource: str, arguments: dict[str, Any], timeout: float) -> Any:
    """Start a task and its timeout as soon as a core is free."""
    with cores:
        return _original_timed_invoke(resource, arguments, timeout)


def _function_arn(name: str) -> str:
    if name.startswith("arn:"):
        return name
    region, account = stepfunctions.get_region(), stepfunctions.get_account_id()
    return f"arn:aws:lambda:{region}:{account}:function:{name}"


def _queue_arn(url: str) -> str:
    account, name = url.split("/")[-2:]
    return f"arn:aws:sqs:{stepfunctions.get_region()}:{account}:{name}"


def _map(
    state: Mapping[str, Any],
    given: Any,
    effective: Any,
    processor: Mapping[str, Any],
    record: dict[str, Any],
    context: dict[str, Any],
) -> tuple[Any, str | None]:
    """Run a Map state in distributed mode; MiniStack itself does so for JSONPath only.

    After a stop there is no next state.
    """
    running = _running.get()
    if running is None or stepfunctions._state_query_language(state, context) != "JSONata":
        result: tuple[Any, str | None] = _original_map(
            state, given, effective, processor, record, context
        )
        return result
    try:
        output = DistributedMap(state, given, processor, running, context).run()
    except StateFailed as failure:
        raise stepfunctions._ExecutionError(failure.error, failure.cause) from failure
    if running.is_stopped:
        return given, None
    stepfunctions._apply_state_assign(state, given, context, result=output)
    output = stepfunctions._apply_jsonata_output(
        state, given, context, result=output, default=output
    )
    return output, stepfunctions._next_or_end(state)


class DistributedMap:
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
