"""Existing buckets are used without changing their configuration."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import Pipeline, delete_queues, eventually
from tests.factories import picture
from tools import subprocesses
from tools.local import head_start
from tools.operations.destroy import destroy
from tools.operations.doctor.bucket_events import enable
from tools.operations.failure import read
from tools.operations.place import Place
from tools.terraform import Terraform, linked_root

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

SOURCE: Final = "family-photos"
PROCESSED: Final = "web.images"
RULE: Final = "existing-uploads"
KEY: Final = "2025/a b+c%é.png"
SECRET: Final = "secret/diary.png"
UNDELIVERED: Final = "2025/late.png"

SETTINGS: Final = (
    *("policy", "notification_configuration", "lifecycle_configuration", "encryption", "cors"),
    *("versioning", "tagging", "ownership_controls", "acl", "website", "logging", "replication"),
)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The configuration of both buckets, by bucket and setting."""

    settings: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Story:
    """A deployment's whole life. *untouched* is the configuration before events were enabled.

    *said* is what `make destroy` printed.
    """

    untouched: Snapshot
    before: Snapshot
    during: Snapshot
    after: Snapshot
    planned: Mapping[str, Mapping[str, Any]]
    published: list[str]
    owner_was_told: list[str]
    left_after_deletion: list[str]
    failures: Mapping[str, "MessageTypeDef"]
    sources: list[str]
    said: str


@pytest.fixture(scope="module")
def owners_queue(pipeline: Pipeline) -> str:
    """Create both buckets with their owner's configuration, and return the owner's queue."""
    s3, sqs = pipeline.s3, pipeline.sqs
    queue = sqs.create_queue(QueueName="owner")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    allowed = statement("Allow", "sqs:SendMessage", arn, Principal={"Service": "s3.amazonaws.com"})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy(allowed)})
    region: Any = {"LocationConstraint": s3.meta.region_name}
    for bucket in (SOURCE, PROCESSED):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
        s3.put_bucket_tagging(
            Bucket=bucket, Tagging={"TagSet": [{"Key": "owner", "Value": "somebody else"}]}
        )
    s3.put_bucket_policy(
        Bucket=SOURCE,
        Policy=policy(statement("Deny", "s3:GetObject", f"arn:aws:s3:::{SOURCE}/secret/*")),
    )
    rule: Any = {
        "ID": "theirs",
        "Status": "Enabled",
        "Filter": {"Prefix": "tmp/"},
        "Expiration": {"Days": 1},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=SOURCE, LifecycleConfiguration={"Rules": [rule]})
    cors: Any = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.com"]}
    s3.put_bucket_cors(Bucket=SOURCE, CORSConfiguration={"CORSRules": [cors]})
    by_default: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(
        Bucket=PROCESSED, ServerSideEncryptionConfiguration={"Rules": [by_default]}
    )
    their_filter: Any = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "2025/"}]}}
    s3.put_bucket_notification_configuration(
        Bucket=SOURCE,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "Id": "theirs",
                    "QueueArn": arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": their_filter,
                }
            ]
        },
    )
    return queue


@pytest.fixture(scope="module")
def story(
    pipeline: Pipeline, owners_queue: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """Enable events as `make doctor` says, apply, upload, delete and destroy."""
    s3, cloud = pipeline.s3, pipeline.cloud
    untouched = snapshot(pipeline)
    for bucket in (SOURCE, PROCESSED):  # one has no notifications at all
        listen(pipeline, bucket)
    folder = tmp_path_factory.mktemp("existing") / "root"
    linked_root(
        folder,
        name="existing",
        package_path=str(cloud.home / "package.zip"),
        existing_source_bucket=SOURCE,
        existing_processed_bucket=PROCESSED,
        remove_deleted=True,
    )
    terraform = cloud.terraform(folder)
    terraform.init()
    before = snapshot(pipeline)
    terraform.plan()
    with head_start.given(terraform, cloud.environment):
        planned = terraform.planned()
        terraform.apply_plan()
    try:
        during, output = snapshot(pipeline), use(pipeline, terraform, owners_queue)
        sources = object_keys(pipeline, SOURCE)
    finally:
        delete_queues(terraform)
        environment = {**cloud.environment, **cloud.terraform_settings}
        said = destroyed(Place(folder=folder, environment=environment, is_local=True))
    yield Story(
        untouched=untouched,
        before=before,
        during=during,
        after=snapshot(pipeline),
        planned={change["address"]: change for change in planned},
        sources=sources,
        said=said,
        **output,
    )
    for bucket in (SOURCE, PROCESSED):
        for key in object_keys(pipeline, bucket):
            s3.delete_object(Bucket=bucket, Key=key)
        s3.delete_bucket(Bucket=bucket)


def destroyed(place: Place) -> str:
    """Destroy the deployment as `make destroy` does, and return what that prints."""
    with redirect_stdout(io.StringIO()) as said:
        destroy(place, yes=True)
    return said.getvalue()


def use(pipeline: Pipeline, terraform: Terraform, owners_queue: str) -> dict[str, Any]:
    """Upload, delete, and fail in two ways; return the results."""
    s3 = pipeline.s3
    queue = terraform.outputs()["failure_queue_url"]
    put = partial(s3.put_object, Bucket=SOURCE, Body=picture(2000, 100, kind="PNG"))

    put(Key=KEY)
    published = eventually(partial(object_keys, pipeline, PROCESSED), what="the image")
    owner_was_told = eventually(partial(told_keys, pipeline, owners_queue), what="a notification")
    s3.delete_object(Bucket=SOURCE, Key=KEY)
    eventually(lambda: not object_keys(pipeline, PROCESSED), what="its removal")

    put(Key=SECRET)
    failures = {SECRET: received(pipeline, queue)[0]}
    boto3.client("lambda").remove_permission(FunctionName="existing", StatementId="uploads-rule")
    put(Key=UNDELIVERED)
    failures[UNDELIVERED] = received(pipeline, queue)[0]
    return {
        "published": published,
        "owner_was_told": owner_was_told,
        "left_after_deletion": object_keys(pipeline, PROCESSED),
        "failures": failures,
    }


def statement(effect: str, action: str, resource: str, **fields: Any) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Action": action,
        "Resource": resource,
        "Principal": "*",
        **fields,
    }


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def listen(pipeline: Pipeline, bucket: str) -> None:
    """Send a bucket's events to EventBridge with the command from `make doctor`."""
    subprocesses.run("bash", "-c", enable(bucket), environment=pipeline.cloud.environment)


def snapshot(pipeline: Pipeline) -> Snapshot:
    def look(bucket: str, setting: str) -> Any:
        try:
            response = getattr(pipeline.s3, f"get_bucket_{setting}")(Bucket=bucket)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return {name: value for name, value in response.items() if name != "ResponseMetadata"}

    return Snapshot(
        settings={
            bucket: {setting: look(bucket, setting) for setting in SETTINGS}
            for bucket in (SOURCE, PROCESSED)
        }
    )


def object_keys(pipeline: Pipeline, bucket: str) -> list[str]:
    return [
        entry["Key"] for entry in pipeline.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    ]


def told_keys(pipeline: Pipeline, queue: str) -> list[str]:
    """Return the keys in the next messages from S3; its test events have none."""
    return [
        record["s3"]["object"]["key"]
        for message in received(pipeline, queue)
        for record in json.loads(message["Body"]).get("Records", [])
    ]


def received(pipeline: Pipeline, queue: str) -> list["MessageTypeDef"]:
    """Wait for messages, and delete them from the queue."""

    def look() -> Any:
        return pipeline.sqs.receive_message(
            QueueUrl=queue, AttributeNames=["SentTimestamp"], MessageAttributeNames=["All"]
        ).get("Messages")

    messages: list[MessageTypeDef] = eventually(look, what="a message")
    for message in messages:
        pipeline.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return messages


def test_existing_buckets_are_not_changed(story: Story) -> None:
    assert story.during == story.before
    assert story.after == story.before
    assert SECRET in story.sources
    # The comparison is not of nothing.
    assert story.before.settings[SOURCE]["policy"]["Policy"]
    assert story.before.settings[SOURCE]["notification_configuration"]["QueueConfigurations"]


def test_make_destroy_names_the_buckets_that_stay(story: Story) -> None:
    assert f"\nExisting buckets stay as they are: {SOURCE}, {PROCESSED}\n" in story.said


def test_enabling_eventbridge_changes_nothing_else(story: Story) -> None:
    for bucket in (SOURCE, PROCESSED):
        untouched = dict(story.untouched.settings[bucket])
        before = dict(story.before.settings[bucket])
        theirs = untouched.pop("notification_configuration")
        assert "EventBridgeConfiguration" not in theirs
        assert before.pop("notification_configuration") == {
            **theirs,
            "EventBridgeConfiguration": {},
        }
        assert before == untouched


def test_no_planned_resource_is_of_an_existing_bucket(story: Story) -> None:
    managed = [
        address
        for address, change in story.planned.items()
        if change["mode"] == "managed" and change["type"].startswith("aws_s3_")
    ]
    assert managed == []
    assert "aws_cloudwatch_event_rule.uploads[0]" in story.planned


def test_an_upload_is_published_and_its_owner_is_still_notified(story: Story) -> None:
    assert story.published == [KEY]
    assert story.owner_was_told == ["2025/a+b%2Bc%25%C3%A9.png"]


def test_the_images_of_a_deleted_upload_are_deleted(story: Story) -> None:
    assert story.left_after_deletion == []


def test_an_unreadable_upload_is_on_the_failure_queue_with_advice(
    story: Story,
) -> None:
    failure = read(story.failures[SECRET])
    assert failure.reason == "RetriesExhausted"
    assert failure.objects == ((SOURCE, SECRET),)
    assert "AccessDenied" in failure.detail
    assert "policies of the bucket and of its key" in failure.detail


def test_an_event_that_lambda_does_not_accept_is_on_the_failure_queue(story: Story) -> None:
    failure = read(story.failures[UNDELIVERED])
    assert failure.reason == "NO_PERMISSIONS"
    assert failure.objects == ((SOURCE, UNDELIVERED),)
    assert failure.event["detail"]["bucket"]["name"] == SOURCE
