"""The local cloud's S3 copies objects as AWS does, which retiring images depends on."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from pipeline.aws.storage import Storage, StoredImage
from pipeline.errors import TransientFailure
from pipeline.model import Format, Rendition, Size
from pipeline.provenance import Provenance

from tools.local.cloud import Cloud

BUCKET = "objects-bucket"
USER = "retires"
KEY = "a b+c%é.webp"
IMAGE = Rendition(variant="v", body=b"one", format=Format.WEBP, size=Size(width=1, height=1))
PROVENANCE = Provenance(source_key="a", source_etag="e", source_version="v", recipe="r", facts="{}")
WRITES = ("s3:GetObject", "s3:PutObject", "s3:ListBucket")


@pytest.fixture
def bucket(cloud: Cloud) -> Iterator[str]:
    s3 = boto3.client("s3")
    s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-2"}
    )
    yield BUCKET
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    s3.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def storage(bucket: str) -> Storage:
    return Storage(boto3.client("s3"), processed_bucket=bucket, cache_control="max-age=60")


def written(storage: Storage) -> StoredImage:
    assert storage.put(KEY, IMAGE, PROVENANCE, over=None)
    return seen(storage)


def seen(storage: Storage) -> StoredImage:
    image = storage.head(KEY)
    assert image is not None
    return image


def tags() -> list[tuple[str, str]]:
    found = boto3.client("s3").get_object_tagging(Bucket=BUCKET, Key=KEY)["TagSet"]
    return [(tag["Key"], tag["Value"]) for tag in found]


def test_a_retired_image_has_mark_and_tag_and_a_new_date(storage: Storage) -> None:
    before = written(storage)
    s3 = boto3.client("s3")
    made = s3.head_object(Bucket=BUCKET, Key=KEY)["LastModified"]
    time.sleep(1)  # S3 stores whole seconds

    assert storage.retire(before)

    provenance = replace(PROVENANCE, facts="")
    assert seen(storage) == replace(before, provenance=provenance, is_retired=True)
    assert tags() == [("retired", "true")]
    assert s3.head_object(Bucket=BUCKET, Key=KEY)["LastModified"] > made
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"one"


def test_an_image_written_again_has_neither(storage: Storage) -> None:
    storage.retire(written(storage))
    assert storage.put(KEY, IMAGE, PROVENANCE, over=seen(storage))
    assert not seen(storage).is_retired
    assert tags() == []


def test_a_restored_image_has_neither(storage: Storage) -> None:
    storage.retire(written(storage))
    assert storage.restore(seen(storage))
    assert not seen(storage).is_retired
    assert tags() == []


def test_only_the_image_that_was_seen_is_retired(storage: Storage) -> None:
    before = written(storage)
    assert storage.put(KEY, replace(IMAGE, body=b"two"), PROVENANCE, over=before)
    assert not storage.retire(before)
    assert not seen(storage).is_retired
    assert storage.retire(replace(before, key="missing"))


def test_a_tag_needs_its_permission(storage: Storage) -> None:
    iam = boto3.client("iam")
    iam.create_user(UserName=USER)
    access = iam.create_access_key(UserName=USER)["AccessKey"]
    s3 = boto3.client(
        "s3",
        aws_access_key_id=access["AccessKeyId"],
        aws_secret_access_key=access["SecretAccessKey"],
    )
    retiring = Storage(s3, processed_bucket=BUCKET)
    before = written(storage)

    def allow(*actions: str) -> None:
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        iam.put_user_policy(
            UserName=USER,
            PolicyName=USER,
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )

    allow(*WRITES)
    with pytest.raises(TransientFailure, match="AccessDenied"):
        retiring.retire(before)
    allow(*WRITES, "s3:PutObjectTagging")
    assert retiring.retire(before)

    iam.delete_access_key(UserName=USER, AccessKeyId=access["AccessKeyId"])
    iam.delete_user_policy(UserName=USER, PolicyName=USER)
    iam.delete_user(UserName=USER)
