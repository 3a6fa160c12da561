"""The optional parts switched off again."""

import boto3

from tests.e2e.upload_api import FUNCTION, UploadApi, policies


def test_permissions_and_settings_go_with_it(upload_api: UploadApi) -> None:
    upload_api.ask_for(public=True)
    upload_api.switch_off()
    left = {"guard-buckets", "read-source", "write-processed", "write-logs", "send-failures"}
    assert set(policies(upload_api.pipeline)) == left
    configuration = boto3.client("lambda").get_function_configuration(FunctionName=FUNCTION)
    names = set(configuration["Environment"]["Variables"])
    assert not names & {"METADATA", "COMPLETION_BUS", "UPLOAD_API"}
    assert boto3.client("dynamodb").list_tables()["TableNames"] == []
