"""The region comes from the resource's name, or else from the environment."""

import pytest

from tools.operations.regions import region_of, session

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:image-pipeline"
QUEUE = "https://sqs.ap-southeast-2.amazonaws.com/123456789012/failures"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


@pytest.mark.parametrize(
    ("name", "region"),
    [
        (MACHINE, "eu-west-1"),
        ("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f", "us-gov-west-1"),
        ("arn:aws-cn:lambda:cn-north-1:123456789012:function:f", "cn-north-1"),
        (QUEUE, "ap-southeast-2"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/failures", "cn-north-1"),
        ("https://eu-west-1.queue.amazonaws.com/123456789012/failures", "eu-west-1"),
        ("https://sqs.eu-west-1.api.aws/123456789012/failures", "eu-west-1"),
        ("https://sqs-fips.us-east-1.amazonaws.com/123456789012/failures", "us-east-1"),
        ("https://vpce-1a-2b.sqs.us-east-1.vpce.amazonaws.com/123456789012/f", "us-east-1"),
        ("https://127.0.0.1:4566/000000000000/failures", None),
        ("https://sqs.eu-west-1.example.com/123456789012/failures", None),
        ("image-pipeline", None),
        ("", None),
        (None, None),
    ],
)
def test_arns_and_queue_urls_have_a_region(name: str | None, region: str | None) -> None:
    assert region_of(name) == region


def test_the_first_name_with_a_region_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert session(None, "image-pipeline", QUEUE, MACHINE).region_name == "ap-southeast-2"


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_environment_decides_if_no_name_has_a_region(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "eu-central-1")
    assert session("image-pipeline").client("sqs").meta.region_name == "eu-central-1"
