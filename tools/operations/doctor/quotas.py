"""Check the Lambda quotas that a new account reaches first."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tools.operations.doctor.finding import Finding, set_variable
from tools.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
DEFAULT_CONCURRENCY = 1000
UNRESERVED = 100
"""The concurrency that Lambda keeps unreserved."""

NEW_ACCOUNTS_MEMORY_MB = 3008
"""The memory limit of new accounts; no API returns this quota."""

# Below this, an album of a few dozen pictures has to queue.
_FEW = 100

_CODE = "L-B99A9384"  # "Concurrent executions"


def findings(
    functions: "LambdaClient",
    settings: Settings,
    *,
    name: str,
    memory_mb: int,
    reserved: int | None,
) -> Iterator[Finding]:
    """Yield the quotas that the function *name* with these settings would exceed."""
    limits = functions.get_account_settings()["AccountLimit"]
    allowed = limits["ConcurrentExecutions"]
    if reserved:  # to reserve 0, which stops the function, is always possible
        free = limits["UnreservedConcurrentExecutions"] + _reserved_already(functions, name)
        if free - reserved < UNRESERVED:
            yield Finding(
                problem=f"reserved_concurrency is {reserved}, and Lambda keeps {UNRESERVED}"
                f" executions unreserved of the {free} that this account has left.",
                fix=increase(max(DEFAULT_CONCURRENCY, allowed + reserved + UNRESERVED)),
            )
    if allowed < _FEW:
        yield Finding(
            problem=f"Lambda runs at most {allowed} functions at once in this account; a burst of"
            " uploads waits for its turn.",
            fix=increase(DEFAULT_CONCURRENCY),
            is_blocking=False,
        )
    if memory_mb > NEW_ACCOUNTS_MEMORY_MB and allowed < DEFAULT_CONCURRENCY:
        yield Finding(
            problem=f"memory_mb is {memory_mb}, and in a new account, as this one seems to be,"
            f" functions get at most {NEW_ACCOUNTS_MEMORY_MB} MB; support raises that.",
            fix=set_variable(settings, "memory_mb", str(NEW_ACCOUNTS_MEMORY_MB)),
            is_blocking=False,
        )


def increase(executions: int) -> str:
    """Return the command that requests this many concurrent executions."""
    return (
        "aws service-quotas request-service-quota-increase --service-code lambda"
        f" --quota-code {_CODE} --desired-value {executions}"
    )


def _reserved_already(functions: "LambdaClient", name: str) -> int:
    """Return the deployed function's reservation, which a new one replaces."""
    try:
        response = functions.get_function_concurrency(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        return 0
    return response.get("ReservedConcurrentExecutions", 0)
