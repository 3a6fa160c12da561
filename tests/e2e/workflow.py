"""The deployed workflow from a user's view, and a function that reviews uploads."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3

from tests.e2e.conftest import Pipeline, eventually

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

RULE_ROLE = "image-pipeline-uploads-express"

REVIEWER = "reviewer"

# Its verdict on an upload is in the key.
REVIEW = """
def handler(inspection, context):
    key = inspection["source"]["key"]
    if "refused" in key:
        return {"allow": False, "reason": "no cats here"}
    if "unreadable" in key:
        return {"allow": "perhaps"}
    if "failing" in key:
        raise RuntimeError("no opinion")
    return {"allow": True}
"""


class Workflow:
    """The workflow of *pipeline* with *options*, and with the parts *beside* it.

    Only the local cloud can list the executions of an express machine, AWS cannot.
    """

    def __init__(
        self, pipeline: Pipeline, beside: Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        self._machines: SFNClient = boto3.client("stepfunctions")
        self.arn: str = pipeline.apply(workflow=options, **(beside or {}))["workflow_arn"]
        self.role = self.arn.rpartition(":")[2]  # it has the machine's name

    def statuses(self, key: str) -> list[str]:
        """Return the statuses of the executions for *key*."""
        return [execution["status"] for execution in self.ended(key)]

    def ended(self, key: str) -> list[Mapping[str, Any]]:
        """Wait for the executions for *key*, all of them ended, and return them."""

        def look() -> list[Mapping[str, Any]] | None:
            found = [execution for execution in self._executions() if _key(execution) == key]
            return None if any(one["status"] == "RUNNING" for one in found) else found

        return eventually(look, what=f"end of the executions for {key}")

    def _executions(self) -> Iterator[Mapping[str, Any]]:
        pages = self._machines.get_paginator("list_executions").paginate(stateMachineArn=self.arn)
        for page in pages:
            for execution in page["executions"]:
                yield self._machines.describe_execution(executionArn=execution["executionArn"])


def _key(execution: Mapping[str, Any]) -> str:
    key: str = json.loads(execution["input"])["detail"]["object"]["key"]
    return key


@contextmanager
def reviewer(pipeline: Pipeline) -> Iterator[str]:
    """Deploy a function that reviews uploads inside the block, and yield its ARN."""
    functions = boto3.client("lambda")
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
    role = pipeline.iam.create_role(RoleName=REVIEWER, AssumeRolePolicyDocument=_policy(trust))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as package:
        package.writestr("review.py", REVIEW)
    function = functions.create_function(
        FunctionName=REVIEWER,
        Role=role["Role"]["Arn"],
        Handler="review.handler",
        Runtime="python3.13",
        Code={"ZipFile": code.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=REVIEWER)
    try:
        yield function["FunctionArn"]
    finally:
        functions.delete_function(FunctionName=REVIEWER)
        pipeline.iam.delete_role(RoleName=REVIEWER)


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
