"""Complete MiniStack's EventBridge: permissions, dead letters, retries, object versions.

Nothing here runs on AWS. Only state machines and functions as targets are affected. MiniStack runs
a function once and drops the event if that fails; Lambda accepts the event and retries, as it does
with events from S3.
"""

import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ministack.services import eventbridge, lambda_svc, s3, sqs, stepfunctions

from tools.local.ministack.roles import can_be_assumed, is_allowed_by, refusal

SERVICE = "events.amazonaws.com"

_version: ContextVar[str | None] = ContextVar("version", default=None)

_original_invoke = eventbridge._invoke_target
_original_dispatch = eventbridge._dispatch_event
_original_fire = s3._fire_s3_event


def install() -> None:
    """Complete MiniStack."""
    eventbridge._invoke_target = _invoke_target
    eventbridge._dispatch_event = _dispatch
    s3._fire_s3_event = _fire


def _fire(*arguments: Any, version_id: str | None = None, **options: Any) -> None:
    """Send the event of an object, and remember the version that it is about."""
    token = _version.set(version_id)
    try:
        _original_fire(*arguments, version_id=version_id, **options)
    finally:
        _version.reset(token)


def _dispatch(event: dict[str, Any], view: Any = None) -> None:
    """Match *event* against the rules, after adding the object's version if it has one."""
    if event["Source"] == "aws.s3" and (version := _version.get()):
        detail = json.loads(event["Detail"])
        detail["object"]["version-id"] = version
        event = {**event, "Detail": json.dumps(detail)}
    _original_dispatch(event, view)


def _invoke_target(
    target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: Any = None
) -> None:
    """Deliver *event* to a target, or to its dead-letter queue if that is impossible.

    AWS retries neither a missing permission nor a missing target.
    """
    view = view or eventbridge._pattern_event_view(event)
    match target["Arn"].split(":")[2]:
        case "states":
            obstacle = _obstacle_to_machine(target, rule)
        case "lambda":
            obstacle = _obstacle_to_function(target["Arn"], rule)
        case _:
            obstacle = None
    if obstacle is None:
        _deliver(target, event, rule, view)
    elif queue := target.get("DeadLetterConfig", {}).get("Arn"):
        _bury(view, queue, rule, target, *obstacle)


def _deliver(
    target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: Any
) -> None:
    is_changed = any(target.get(name) for name in ("Input", "InputPath", "InputTransformer"))
    if ":lambda:" not in target["Arn"] or is_changed:
        _original_invoke(target, event, rule, view)
        return
    function, config, _ = lambda_svc._get_func_record_for_ref(target["Arn"])
    record = lambda_svc._execution_record_for_config(function, config)
    lambda_svc.invoke_async_with_retry(record, view.event_with_detail())


def _obstacle_to_machine(
    target: Mapping[str, Any], rule: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Return why AWS could not deliver, as a code and a message."""
    role, machine = target.get("RoleArn", ""), target["Arn"]
    if not can_be_assumed(role, service=SERVICE, source_arn=rule["Arn"]):
        return "FAILED_TO_ASSUME_ROLE", f"{SERVICE} cannot assume {role}"
    if sentence := refusal(role, "states:StartExecution", machine):
        return "NO_PERMISSIONS", sentence
    if stepfunctions._resolve_state_machine_arn(machine) is None:
        return "NO_RESOURCE", f"State Machine Does Not Exist: '{machine}'"
    return None


def _obstacle_to_function(function: str, rule: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the same for a function, whose resource policy grants invocation."""
    record, _, _ = lambda_svc._get_func_record_for_ref(function)
    if not record:
        return "NO_RESOURCE", f"Function not found: {function}"
    policy = record.get("policy")
    action = "lambda:InvokeFunction"
    if not is_allowed_by(policy, action, function, service=SERVICE, source_arn=rule["Arn"]):
        return "NO_PERMISSIONS", f"{SERVICE} is not authorized to perform: {action} on {function}"
    return None


def _bury(
    view: Any,
    queue_arn: str,
    rule: Mapping[str, Any],
    target: Mapping[str, Any],
    code: str,
    sentence: str,
) -> None:
    if not sqs.queue_policy_allows(queue_arn, SERVICE, rule["Arn"], rule["Arn"].split(":")[4]):
        eventbridge.logger.warning("EventBridge may not send to the queue %s", queue_arn)
        return
    attributes = {
        "RULE_ARN": rule["Arn"],
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": code,
        "ERROR_MESSAGE": sentence,
    }
    message = {
        "MessageBody": json.dumps(view.event_with_detail()),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }
    region, account, name = queue_arn.split(":")[3:]
    sqs._act_send_message(message, sqs._queue_name_to_url.get_scoped(account, region, name))
