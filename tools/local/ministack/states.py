"""Complete MiniStack's Step Functions: enforced roles, effective stops, distributed maps.

Nothing here runs on AWS. `install` replaces the functions of MiniStack that it names.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import stepfunctions

from tools.local.ministack.execution import Running, Stopped
from tools.local.ministack.invocations import cores
from tools.local.ministack.map_state import run_map
from tools.local.ministack.roles import can_be_assumed, refusal

SERVICE = "states.amazonaws.com"

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
    response = change(request)
    if (machine := stepfunctions._state_machines.get(arn)) and "tracingConfiguration" in request:
        machine["tracingConfiguration"] = request["tracingConfiguration"]
    return response


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
    """Run a Map state in distributed mode; MiniStack itself does so for JSONPath only."""
    running = _running.get()
    if running is None or stepfunctions._state_query_language(state, context) != "JSONata":
        result: tuple[Any, str | None] = _original_map(
            state, given, effective, processor, record, context
        )
        return result
    return run_map(state, given, processor, running, context)
