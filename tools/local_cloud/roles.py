"""What a service may do in the name of a role on the local cloud, by MiniStack's own evaluator."""

from ministack.core import iam_evaluator
from ministack.services import iam


def refusal(role_arn: str, action: str, resource_arn: str) -> str | None:
    """Return the sentence with which AWS refuses *action* to the role; None if it is allowed.

    The policies of the role count, and the resource's own policy if its service has such.
    """
    caller = _session(role_arn)
    context = _context(caller, action, resource_arn)
    account, name = _account(role_arn), _name(role_arn)
    answer = iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, account))
    policy = iam_evaluator._resource_policy(action.partition(":")[0], resource_arn)
    if policy:
        answer = iam_evaluator.combine_resource_policy(answer, context, *policy)
    if answer.decision == "Allow":
        return None
    return f"User: {caller} is not authorized to perform: {action} on resource: {resource_arn}"


def can_be_assumed(role_arn: str, *, service: str, source_arn: str) -> bool:
    """Whether the role trusts *service*, such as states.amazonaws.com, acting for *source_arn*."""
    role = iam._roles.get_scoped(_account(role_arn), None, _name(role_arn))
    context = _context("*", "sts:AssumeRole", "*")
    context.service_context = {
        "aws:sourcearn": source_arn,
        "aws:sourceaccount": _account(role_arn),
    }
    trust = role and role.get("AssumeRolePolicyDocument")
    answer = iam_evaluator.evaluate_resource_policy(trust, context, service=service)
    return bool(answer.decision == "Allow")


def _context(principal: str, action: str, resource_arn: str) -> iam_evaluator.EvalContext:
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=_account(principal) if ":" in principal else "",
        action=action,
        resource_arn=resource_arn,
        region="",
        secure_transport=True,  # services call each other over TLS
    )


def _session(role_arn: str) -> str:
    return f"arn:aws:sts::{_account(role_arn)}:assumed-role/{_name(role_arn)}/service"


def _account(arn: str) -> str:
    return arn.split(":")[4]


def _name(role_arn: str) -> str:
    return role_arn.rpartition("/")[2]
