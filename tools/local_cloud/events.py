"""What MiniStack's EventBridge lacks of AWS's: roles of targets that bind, dead letters, versions.

Nothing of this runs on AWS. Roles and dead letters concern state machines as targets; other targets
stay as they are.
"""

import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ministack.services import eventbridge, s3, sqs, stepfunctions

from local_cloud.roles import can_be_assumed, refusal

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
    """Tell of what happened to an object, and remember to which version of it."""
    token = _version.set(version_id)
    try:
        _original_fire(*arguments, version_id=version_id, **options)
    finally:
        _version.reset(token)


def _dispatch(event: dict[str, Any], view: Any = None) -> None:
    """Give *event* to the rules, with the version if it is of an object that has one."""
    if event["Source"] == "aws.s3" and (version := _version.get()):
        detail = json.loads(event["Detail"])
        detail["object"]["version-id"] = version
        event = {**event, "Detail": json.dumps(detail)}
    _original_dispatch(event, view)


def _invoke_target(
    target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: Any = None
) -> None:
    """Give *event* to a target, or to its dead-letter queue if the target cannot have it.

    AWS tries neither a permission that lacks nor a target that does not exist a second time.
    """
    if ":states:" not in target["Arn"]:
        _original_invoke(target, event, rule, view)
        return
    view = view or eventbridge._pattern_event_view(event)
    obstacle = _obstacle(target, rule)
    if obstacle is None:
        _original_invoke(target, event, rule, view)
    elif queue := target.get("DeadLetterConfig", {}).get("Arn"):
        _bury(view, queue, rule, target, *obstacle)


def _obstacle(target: Mapping[str, Any], rule: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why AWS could not deliver, as a code and a sentence."""
    role, machine = target.get("RoleArn", ""), target["Arn"]
    if not can_be_assumed(role, service=SERVICE, source_arn=rule["Arn"]):
        return "FAILED_TO_ASSUME_ROLE", f"{SERVICE} cannot assume {role}"
    if sentence := refusal(role, "states:StartExecution", machine):
        return "NO_PERMISSIONS", sentence
    if stepfunctions._resolve_state_machine_arn(machine) is None:
        return "NO_RESOURCE", f"State Machine Does Not Exist: '{machine}'"
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
