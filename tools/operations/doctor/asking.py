"""Query AWS, reporting a missing permission or a failed call as a finding."""

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from tools.operations.doctor.finding import Finding

_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}

# The IAM actions of the operations that errors name.
_ACTIONS = {
    "GetAccountSettings": "lambda:GetAccountSettings",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "GetFunctionConcurrency": "lambda:GetFunctionConcurrency",
    "GetRole": "iam:GetRole",
    "ValidatePolicy": "access-analyzer:ValidatePolicy",
    "ValidateStateMachineDefinition": "states:ValidateStateMachineDefinition",
}

Question = Callable[[], Iterator[Finding]]


def ask(questions: Iterable[Question], arn: str) -> Iterator[Finding]:
    """Yield the findings of all *questions*, and one for all permissions that *arn* lacks."""
    denied: set[str] = set()
    for question in questions:
        try:
            yield from question()
        except ClientError as error:
            if error.response["Error"]["Code"] in _DENIED:
                denied.add(_ACTIONS.get(error.operation_name, error.operation_name))
            else:
                yield _without_answer(error)
        except BotoCoreError as error:
            yield _without_answer(error)
    if denied:
        actions = sorted(denied)
        yield Finding(
            problem=f"Not everything was checked: {arn} may not {', '.join(actions)}. An"
            " administrator can allow it.",
            fix=_allow(arn, actions),
            is_blocking=False,
        )


def _without_answer(error: Exception) -> Finding:
    return Finding(problem=f"AWS gave no answer: {error}", fix="make doctor", is_blocking=False)


def _allow(arn: str, actions: Sequence[str]) -> str:
    """Return the command with which an administrator grants *actions* to the identity."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = shlex.quote(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    kind, _, name = arn.rpartition(":")[2].partition("/")
    is_role = kind == "assumed-role"
    # A session's name follows the role's, and a path comes before the user's.
    name = name.split("/")[0 if is_role else -1]
    if name.startswith("AWSReservedSSO_"):
        # An inline policy would replace that of the permission set.
        return (
            f"aws iam create-policy --policy-name doctor --policy-document {document} && aws"
            " sso-admin attach-customer-managed-policy-reference-to-permission-set --instance-arn …"
            " --permission-set-arn … --customer-managed-policy-reference Name=doctor"
        )
    who = "role" if is_role else "user"
    return (
        f"aws iam put-{who}-policy --{who}-name {shlex.quote(name)} --policy-name doctor"
        f" --policy-document {document}"
    )
