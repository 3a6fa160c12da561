"""The pipeline as users have it: the real Terraform, package and CLI, on a local cloud."""

import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image

from tools.environment import REGION
from tools.local import head_start
from tools.local.cloud import Cloud, running_cloud
from tools.terraform import Event, Terraform

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from tests.e2e.backfill import Backfill
    from tests.e2e.upload_api import UploadApi

T = TypeVar("T")

PATIENCE_SECONDS = 90
LATE_SECONDS = 180

VARIABLES = "given.auto.tfvars.json"

NAME = "image-pipeline"
RULE = f"arn:aws:events:{REGION}:000000000000:rule/{NAME}-uploads"
UNDELIVERED: Mapping[str, Any] = {
    "Sid": "UndeliveredUploads",
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Condition": {"ArnEquals": {"aws:SourceArn": RULE}},
}
"""What the policy of the failure queue has for EventBridge, but for the queue's ARN."""

SIGNING_KEY = generate_private_key(public_exponent=65537, key_size=2048)
"""Signs URLs of the CDN, which is private, so that the upload API presigns its links."""

PUBLIC_KEY = SIGNING_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def eventually(look: Callable[[], T | None], *, what: str) -> T:
    """Return what *look* finds, as soon as it finds anything."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {PATIENCE_SECONDS} seconds")


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A deployed pipeline, with what its users use, and the variables that it has as a rule."""

    cloud: Cloud
    terraform: Terraform
    variables: Mapping[str, Any]
    outputs: Mapping[str, Any]
    s3: "S3Client"
    sqs: "SQSClient"
    iam: "IAMClient"
    logs: "CloudWatchLogsClient"

    def apply(
        self, on_event: Callable[[Event], object] = lambda _: None, **changes: Any
    ) -> dict[str, Any]:
        """Apply the usual variables with *changes*, unless they are, and return the outputs."""
        file = self.terraform.folder / VARIABLES
        variables = {**self.variables, **changes}
        if json.loads(file.read_text()) != variables:
            file.write_text(json.dumps(variables))
            expected = self._set_queue_policy(variables)
            self.terraform.apply(on_event=on_event)
            assert self._queue_policy() == expected, "every apply waits for this policy"
        return self.terraform.outputs()

    def _set_queue_policy(self, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the failure queue the policy that Terraform is about to give it, and return it.

        The provider watches a policy for 25 seconds after changing it. It leaves one alone that is
        as it should be already, and changes any other, slowly.
        """
        policy = self._queue_policy()
        statements = [one for one in policy["Statement"] if one["Sid"] != UNDELIVERED["Sid"]]
        if variables.get("workflow") is not None or variables.get("trigger") == "eventbridge":
            statements.append({**UNDELIVERED, "Resource": statements[0]["Resource"]})
        policy = {**policy, "Statement": statements}
        self.sqs.set_queue_attributes(
            QueueUrl=self.outputs["failure_queue_url"], Attributes={"Policy": json.dumps(policy)}
        )
        return policy

    def _queue_policy(self) -> dict[str, Any]:
        response = self.sqs.get_queue_attributes(
            QueueUrl=self.outputs["failure_queue_url"], AttributeNames=["Policy"]
        )
        policy: dict[str, Any] = json.loads(response["Attributes"]["Policy"])
        return policy

    def upload(self, file: Path, key: str) -> None:
        """Upload *file* as the AWS CLI does, in parts if it is large."""
        self.s3.upload_file(str(file), self.outputs["source_bucket"], key)

    def published(self, key: str) -> Image.Image:
        """Wait for the image under *key* and return it."""
        body = eventually(partial(self._body, key), what=key)
        return Image.open(io.BytesIO(body))

    def content_type(self, key: str) -> str:
        return self.s3.head_object(Bucket=self.outputs["processed_bucket"], Key=key)["ContentType"]

    def keys(self, prefix: str) -> list[str]:
        """Return what is in the processed bucket."""
        listed = self.s3.list_objects_v2(Bucket=self.outputs["processed_bucket"], Prefix=prefix)
        return [entry["Key"] for entry in listed.get("Contents", [])]

    def failure(self, key: str) -> dict[str, Any]:
        """Wait for the message about *key* on the failure queue, delete it there and return it."""
        handle, failure = self.message(key)
        self.sqs.delete_message(QueueUrl=self.outputs["failure_queue_url"], ReceiptHandle=handle)
        return failure

    def message(self, key: str) -> tuple[str, dict[str, Any]]:
        """Wait for the message about *key* on the failure queue, and return it with its handle."""
        return eventually(partial(self._message, key), what=f"failure of {key}")

    def lines(self, key: str) -> list[dict[str, Any]]:
        """Return what the function has logged about *key* recently."""
        # One response has 10,000 events at most, the oldest: ask for recent ones of a source.
        response = self.logs.filter_log_events(
            logGroupName=self.outputs["log_group"],
            filterPattern='"source"',
            startTime=int((time.time() - LATE_SECONDS) * 1000),
        )
        messages = [event["message"] for event in response["events"]]
        found = [json.loads(message) for message in messages if _is_json(message)]
        return [line for line in found if line.get("source", {}).get("key") == key]

    def _body(self, key: str) -> bytes | None:
        try:
            response = self.s3.get_object(Bucket=self.outputs["processed_bucket"], Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return response["Body"].read()

    def _message(self, key: str) -> tuple[str, dict[str, Any]] | None:
        url = self.outputs["failure_queue_url"]
        response = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        for message in response.get("Messages", []):
            failure: dict[str, Any] = json.loads(message["Body"])
            if _announced_key(failure.get("requestPayload", failure)) == key:
                return message["ReceiptHandle"], failure
        return None


def _announced_key(event: Mapping[str, Any]) -> str:
    """Return the key in an event, as a notification has it or as EventBridge has it."""
    if "detail" in event:
        return str(event["detail"]["object"]["key"])
    [record] = event["Records"]
    return str(record["s3"]["object"]["key"])


def _is_json(message: str) -> bool:
    return message.startswith("{")


def delete_queues(terraform: Terraform) -> None:
    """Delete the queues of a deployment that is about to be destroyed.

    Terraform must not know them any more: the provider watches a queue for a minute after deleting
    it, and retries to read one that is missing.
    """
    resources = terraform.resources()
    queues = [one for one in resources if one["type"].startswith("aws_sqs_queue")]
    for queue in queues:
        if queue["type"] == "aws_sqs_queue":
            boto3.client("sqs").delete_queue(QueueUrl=queue["values"]["url"])
    terraform.run("state rm", *(queue["address"] for queue in queues))


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Run a local cloud, and let this process know no other."""
    with (
        running_cloud(tmp_path_factory.mktemp("cloud") / "home") as cloud,
        pytest.MonkeyPatch.context() as patch,
    ):
        environment = cloud.environment
        for name in set(os.environ) - set(environment):
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield cloud


@pytest.fixture(scope="session")
def pipeline(cloud: Cloud) -> Iterator[Pipeline]:
    """Deploy the pipeline with a small and a WebP variant."""
    terraform = cloud.pipeline(
        force_destroy=True,
        key_template="{variant}/{directory}{stem}{extension}",
        variants={
            "small": {"width": 120, "height": 120},
            "web": {"width": 60, "format": "webp", "watermark": False},
        },
        watermark={"text": "sample", "position": "top-left"},
        cache_control="max-age=60",
        cdn={"public_keys": {"test": PUBLIC_KEY.decode()}},
        remove_deleted=True,
        tags={"project": "test"},
    )
    with cloud.running_provider(terraform.folder) as terraform:
        terraform.plan()
        with head_start.given(terraform, cloud.environment):
            terraform.apply_plan()
        yield Pipeline(
            cloud=cloud,
            terraform=terraform,
            variables=json.loads((terraform.folder / VARIABLES).read_text()),
            outputs=terraform.outputs(),
            s3=boto3.client("s3"),
            sqs=boto3.client("sqs"),
            iam=boto3.client("iam"),
            logs=boto3.client("logs"),
        )


@pytest.fixture(scope="module")
def usual_settings(pipeline: Pipeline) -> None:
    """Undo what other modules have changed of the deployment."""
    pipeline.apply()


@pytest.fixture(scope="session")
def upload_api(pipeline: Pipeline) -> "UploadApi":
    """Return the pipeline's upload API, to be told first what to ask for."""
    from tests.e2e.upload_api import UploadApi

    return UploadApi(pipeline)


@pytest.fixture(scope="module")
def backfill(pipeline: Pipeline) -> "Backfill":
    """Deploy the pipeline with a backfill of small batches."""
    from tests.e2e.backfill import Backfill

    return Backfill(pipeline)
