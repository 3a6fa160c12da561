"""The local cloud's edge caches responses by CloudFront's rules."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.e2e.viewer import Viewer
from tools.local.cloud import Cloud

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "edge-bucket"
NONE: Any = {"CookieBehavior": "none"}


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A distribution of the bucket's objects, with an alias."""

    id: str
    url: str
    s3: "S3Client"
    viewer: Viewer

    def put(self, key: str, body: bytes, **options: Any) -> str:
        """Write an object and return its URL."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body, **options)
        return f"{self.url}/{key}"


@pytest.fixture(scope="module")
def distribution(cloud: Cloud) -> Iterator[Distribution]:
    s3, cloudfront = boto3.client("s3"), boto3.client("cloudfront")
    region: Any = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
    control: Any = {
        "Name": BUCKET,
        "SigningProtocol": "sigv4",
        "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3",
    }
    access = cloudfront.create_origin_access_control(OriginAccessControlConfig=control)
    policy = cloudfront.create_cache_policy(CachePolicyConfig=_cache_policy())
    made = cloudfront.create_distribution(
        DistributionConfig=_configuration(
            access["OriginAccessControl"]["Id"], policy["CachePolicy"]["Id"], s3.meta.region_name
        )
    )["Distribution"]
    s3.put_bucket_policy(Bucket=BUCKET, Policy=_bucket_policy(made["ARN"]))
    url = f"https://{made['DomainName']}"
    yield Distribution(id=made["Id"], url=url, s3=s3, viewer=Viewer(cloud))
    for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def _cache_policy() -> Any:
    return {
        "Name": BUCKET,
        "MinTTL": 0,
        "DefaultTTL": 1,
        "MaxTTL": 100,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": False,
            "HeadersConfig": {"HeaderBehavior": "none"},
            "CookiesConfig": {"CookieBehavior": "none"},
            "QueryStringsConfig": {"QueryStringBehavior": "none"},
        },
    }


def _configuration(access: str, policy: str, region: str) -> Any:
    origin = {
        "Id": "bucket",
        "DomainName": f"{BUCKET}.s3.{region}.amazonaws.com",
        "OriginAccessControlId": access,
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    behavior = {
        "TargetOriginId": "bucket",
        "ViewerProtocolPolicy": "https-only",
        "CachePolicyId": policy,
        "AllowedMethods": {"Quantity": 2, "Items": ["GET", "HEAD"]},
    }
    return {
        "CallerReference": BUCKET,
        "Comment": "",
        "Enabled": True,
        "Aliases": {"Quantity": 1, "Items": ["images.example.com"]},
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": behavior,
        "CustomErrorResponses": {
            "Quantity": 1,
            "Items": [{"ErrorCode": 403, "ErrorCachingMinTTL": 1}],
        },
    }


def _bucket_policy(arn: str) -> str:
    resource = f"arn:aws:s3:::{BUCKET}/*"
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": resource,
        "Condition": {"StringEquals": {"aws:SourceArn": arn}},
    }
    denied = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed, denied]})


def test_an_object_is_cached_for_its_max_age(distribution: Distribution) -> None:
    url = distribution.put("a.txt", b"first", CacheControl="max-age=60")
    first = distribution.viewer.get(url)
    distribution.put("a.txt", b"second", CacheControl="max-age=60")
    second = distribution.viewer.get(f"{url}?any=query", cookie="any=cookie")
    assert (first.body, first.is_hit) == (b"first", False)
    assert (second.body, second.is_hit, second.headers["age"]) == (b"first", True, "0")


def test_without_a_max_age_the_default_ttl_applies(
    distribution: Distribution,
) -> None:
    url = distribution.put("default.txt", b"first")
    distribution.viewer.get(url)
    distribution.put("default.txt", b"second")
    assert distribution.viewer.get(url).body == b"first"
    time.sleep(1.1)
    assert distribution.viewer.get(url).body == b"second"


@pytest.mark.parametrize("directive", ["no-store", "no-cache", "private", "max-age=0"])
def test_uncacheable_responses_are_not_cached(distribution: Distribution, directive: str) -> None:
    url = distribution.put(f"{directive}.txt", b"x", CacheControl=directive)
    assert not any(distribution.viewer.get(url).is_hit for _ in range(2))


def test_a_missing_object_is_requested_again_soon(distribution: Distribution) -> None:
    url = f"{distribution.url}/late.txt"
    assert distribution.viewer.get(url).status == 403
    distribution.put("late.txt", b"here")
    assert distribution.viewer.get(url).status == 403
    time.sleep(1.1)
    assert distribution.viewer.get(url).status == 200


def test_an_invalidation_empties_the_cache(distribution: Distribution) -> None:
    for folder in ("cats", "dogs"):
        url = distribution.put(f"{folder}/a.txt", b"first", CacheControl="max-age=60")
        distribution.viewer.get(url)
        distribution.put(f"{folder}/a.txt", b"second", CacheControl="max-age=60")
    boto3.client("cloudfront").create_invalidation(
        DistributionId=distribution.id,
        InvalidationBatch={
            "CallerReference": "cats",
            "Paths": {"Quantity": 1, "Items": ["/cats/*"]},
        },
    )
    cats, dogs = (
        distribution.viewer.get(f"{distribution.url}/{x}/a.txt") for x in ("cats", "dogs")
    )
    assert (cats.body, dogs.body) == (b"second", b"first")


def test_a_matching_etag_gets_no_body(distribution: Distribution) -> None:
    url = distribution.put("known.txt", b"known", CacheControl="max-age=60")
    etag = distribution.viewer.get(url).headers["etag"]
    again = distribution.viewer.get(url, if_none_match=etag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert distribution.viewer.get(url, if_none_match='"other"').body == b"known"


def test_a_range_request_gets_the_range(distribution: Distribution) -> None:
    url = distribution.put("part.txt", b"0123456789", CacheControl="max-age=60")
    distribution.viewer.get(url)
    part = distribution.viewer.get(url, range="bytes=2-4")
    assert (part.status, part.body) == (206, b"234")


def test_a_head_has_no_body(distribution: Distribution) -> None:
    shown = distribution.viewer.get(distribution.put("head.txt", b"12345"), method="HEAD")
    assert (shown.status, shown.headers["content-length"], shown.body) == (200, "5", b"")


def test_an_alias_serves_the_same_objects(distribution: Distribution) -> None:
    url = distribution.put("named.txt", b"named")
    assert distribution.viewer.get(url, host="images.example.com").body == b"named"


def test_unknown_names_are_not_served(distribution: Distribution) -> None:
    url = distribution.put("other.txt", b"other")
    for name in ("other.example.com", "d123.cloudfront.localhost"):
        assert distribution.viewer.get(url, host=name).status == 403
