"""Evaluate what a service may do with a role on the local cloud, by MiniStack's evaluator."""

import time
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam, sts


def refusal(role_arn: str, action: str, resource_arn: str) -> str | None:
    """Return AWS's message for denying *action* to the role; None if it is allowed.

    The role's policies count, and the resource's own policy if its service has them.
    """
    caller = _session(role_arn)
    context = _context(caller, action, resource_arn)
    account, name = _account(role_arn), _name(role_arn)
    response = iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, account))
    policy = iam_evaluator._resource_policy(action.partition(":")[0], resource_arn)
    if policy:
        response = iam_evaluator.combine_resource_policy(response, context, *policy)
    if response.decision == "Allow":
        return None
    return f"User: {caller} is not authorized to perform: {action} on resource: {resource_arn}"


def can_be_assumed(role_arn: str, *, service: str, source_arn: str) -> bool:
    """Whether the role trusts *service*, such as states.amazonaws.com, acting for *source_arn*."""
    role = iam._roles.get_scoped(_account(role_arn), None, _name(role_arn))
    trust = role and role.get("AssumeRolePolicyDocument")
    return is_allowed_by(trust, "sts:AssumeRole", "*", service=service, source_arn=source_arn)


def is_allowed_by(
    policy: Any, action: str, resource_arn: str, *, service: str, source_arn: str
) -> bool:
    """Whether the *policy* of a resource allows *service* an action, acting for *source_arn*."""
    context = _context("*", action, resource_arn)
    context.service_context = {
        "aws:sourcearn": source_arn,
        "aws:sourceaccount": _account(source_arn),
    }
    response = iam_evaluator.evaluate_resource_policy(policy, context, service=service)
    return bool(response.decision == "Allow")


def credentials(role_arn: str) -> dict[str, Any]:
    """Return the credentials that a trusted service gets for a new session of the role.

    They are keyword arguments of boto3's clients, and valid for an hour.
    """
    access_key, secret, token = (
        sts._gen_session_access_key(),
        sts._gen_secret(),
        sts._gen_session_token(),
    )
    sts.register_session(
        access_key,
        {
            "Arn": _session(role_arn),
            "UserId": f"{sts._role_id(role_arn)}:service",
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": time.time() + 3600,
            "AccountId": _account(role_arn),
            "PrincipalType": "AssumedRole",
            "SourceAccessKeyId": access_key,
            "SourcePrincipalArn": role_arn,
            "SessionTags": [],
            "SessionPolicies": None,
        },
    )
    return {
        "aws_access_key_id": access_key,
        "aws_secret_access_key": secret,
        "aws_session_token": token,
    }


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
