"""What the local cloud adds to MiniStack's EventBridge for functions, and the command by which
the owner of a bucket lets its events go there.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.documents import page
from tests.e2e.conftest import eventually
from tools import subprocesses
from tools.local.cloud import Cloud
from tools.operations.doctor.bucket_events import enable
from tools.operations.failure import read

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCOUNT: Final = "000000000000"
NAME: Final = "listener"
RULE: Final = f"arn:aws:events:eu-central-2:{ACCOUNT}:rule/{NAME}"
KEY: Final = "a b+c%é.jpg"

FUNCTION = """
def handler(event, context):
    raise RuntimeError("no luck")
"""


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def queue(name: str, service: str) -> tuple[str, str]:
    """Create a queue that *service* may send to; return its URL and its ARN."""
    sqs, arn = boto3.client("sqs"), f"arn:aws:sqs:eu-central-2:{ACCOUNT}:{name}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    allowed = policy(Principal={"Service": service}, Action="sqs:SendMessage", Resource=arn)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": allowed})
    return url, arn


@dataclass(frozen=True)
class Bucket:
    """A bucket whose uploads a rule sends to a failing function, and the failure queue."""

    name: str
    failures: str

    def failure(self) -> Any:
        """Upload, and return the failure that `make redrive` reads from the queue."""
        s3: S3Client = boto3.client("s3")
        s3.put_object(Bucket=self.name, Key=KEY, Body=b"any")
        sqs = boto3.client("sqs")

        def look() -> Any:
            return sqs.receive_message(
                QueueUrl=self.failures,
                AttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            ).get("Messages")

        [message] = eventually(look, what="a failure")
        sqs.delete_message(QueueUrl=self.failures, ReceiptHandle=message["ReceiptHandle"])
        return read(message)


@pytest.fixture(scope="module")
def bucket(cloud: Cloud) -> Iterator[Bucket]:
    """Create a rule for a bucket, which may not invoke the function yet."""
    functions, iam = boto3.client("lambda"), boto3.client("iam")
    events, s3 = boto3.client("events"), boto3.client("s3")
    url, arn = queue(NAME, "events.amazonaws.com")
    trust = policy(Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole")
    role = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", FUNCTION)
    function = functions.create_function(
        FunctionName=NAME,
        Role=role,
        Code={"ZipFile": code.getvalue()},
        Handler="index.handler",
        Runtime="python3.13",
    )["FunctionArn"]
    functions.put_function_event_invoke_config(
        FunctionName=NAME,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    region: Any = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration=region)
    s3.put_bucket_notification_configuration(
        Bucket=NAME, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [NAME]}}}
    events.put_rule(Name=NAME, EventPattern=json.dumps(pattern))
    target: Any = {"Id": "function", "Arn": function, "DeadLetterConfig": {"Arn": arn}}
    events.put_targets(Rule=NAME, Targets=[target])
    yield Bucket(NAME, url)
    events.remove_targets(Rule=NAME, Ids=["function"])


def test_an_event_for_a_function_that_the_rule_may_not_invoke_is_a_dead_letter(
    bucket: Bucket,
) -> None:
    failure = bucket.failure()
    assert failure.reason == "NO_PERMISSIONS"
    assert failure.objects == ((NAME, KEY),)


def test_an_event_of_a_function_that_fails_is_retried_and_sent_to_its_destination(
    bucket: Bucket,
) -> None:
    boto3.client("lambda").add_permission(
        FunctionName=NAME,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=RULE,
    )
    failure = bucket.failure()
    assert (failure.reason, failure.detail) == ("RetriesExhausted", "no luck")
    assert failure.objects == ((NAME, KEY),)
    assert failure.event["detail"]["bucket"]["name"] == NAME


SETTINGS: Final = (
    *("policy", "lifecycle_configuration", "encryption", "cors", "versioning", "tagging"),
    "notification_configuration",
)


def settings(s3: "S3Client", bucket: str) -> dict[str, Any]:
    """Return the configuration of a bucket."""

    def look(setting: str) -> Any:
        try:
            response = getattr(s3, f"get_bucket_{setting}")(Bucket=bucket)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return {name: value for name, value in response.items() if name != "ResponseMetadata"}

    return {setting: look(setting) for setting in SETTINGS}


@pytest.mark.parametrize("has_notifications", [True, False])
def test_the_command_for_owners_adds_eventbridge_and_changes_nothing_else(
    cloud: Cloud, has_notifications: bool
) -> None:
    s3, name = boto3.client("s3"), f"owned-{str(has_notifications).lower()}"
    region: Any = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=region)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "owner", "Value": "me"}]})
    url, arn = queue(name, "s3.amazonaws.com")
    if has_notifications:
        chosen: Any = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}}
        theirs: Any = {
            "Id": "theirs",
            "QueueArn": arn,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": chosen,
        }
        s3.put_bucket_notification_configuration(
            Bucket=name,
            NotificationConfiguration={"QueueConfigurations": [theirs]},
        )
    sqs = boto3.client("sqs")
    sqs.purge_queue(QueueUrl=url)
    before = settings(s3, name)

    subprocesses.run("bash", "-c", enable(name), environment=cloud.environment)

    after = settings(s3, name)
    assert after.pop("notification_configuration") == {
        **before.pop("notification_configuration"),
        "EventBridgeConfiguration": {},
    }
    assert after == before
    assert "Messages" not in sqs.receive_message(QueueUrl=url)  # no test event, either


def test_the_command_writes_nothing_if_it_cannot_read_the_notifications(cloud: Cloud) -> None:
    s3, name = boto3.client("s3"), "unreadable"
    region: Any = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=region)
    _, arn = queue(name, "s3.amazonaws.com")
    theirs: Any = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"QueueConfigurations": [theirs]}
    )
    before = settings(s3, name)
    reading = "get-bucket-notification-configuration --bucket"
    failing = enable(name).replace(f"{reading} {name}", f"{reading} no-such-bucket")
    assert failing != enable(name)

    with pytest.raises(subprocesses.CommandFailed):
        subprocesses.run("bash", "-c", failing, environment=cloud.environment)

    assert settings(s3, name) == before


def test_the_page_on_operations_has_the_command_that_the_doctor_names() -> None:
    plain = " ".join(page("operations").replace("\\\n", " ").split())
    assert enable("photos") in plain
