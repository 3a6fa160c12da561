"""What `make deploy` prints before and after it applies."""

import boto3

from tools.operations.deploy import _addresses, _planned
from tools.operations.doctor.account import Account

ACCOUNT = Account(id="123456789012", arn="", region="eu-west-1", aws=boto3.Session())
OUTPUTS = {"upload_command": "aws s3 cp a.jpg s3://photos/", "processed_bucket": "images"}


def test_warnings_of_the_plan_are_shown_with_what_it_does() -> None:
    resource = {"addr": "aws_sqs_queue.failures"}
    changes = [{"action": "create", "resource": resource}, {"action": "noop", "resource": resource}]

    assert list(_planned(changes, ["The function runs other\x1b code."], ACCOUNT)) == [
        "note  The function runs other\\x1b code.",
        "Terraform will create 1 in account 123456789012 in eu-west-1.",
    ]


def test_the_addresses_of_the_parts_that_are_on_are_printed() -> None:
    urls = {"cdn_url": "https://d1.cloudfront.net", "dashboard_url": "https://dashboard"}
    on = "\n".join(_addresses({**OUTPUTS, **urls, "upload_api_endpoint": None}))

    assert "  cdn       https://d1.cloudfront.net\n  dashboard https://dashboard\n" in on
    assert "page" not in on
    assert "https" not in "\n".join(_addresses(OUTPUTS))
