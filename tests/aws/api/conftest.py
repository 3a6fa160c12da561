"""The upload API is on, by default for an operator."""

import json
from typing import TYPE_CHECKING

import pytest
from pipeline.aws.table import Table

from tests.aws.api.asking import turn_on

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(autouse=True)
def operator(configured: None, monkeypatch: pytest.MonkeyPatch) -> None:
    turn_on(monkeypatch, "operator")


@pytest.fixture
def subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    turn_on(monkeypatch, "subject")


@pytest.fixture(autouse=True)
def table(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setenv("REMOVE_DELETED", "true")
    monkeypatch.setenv("METADATA", json.dumps({"table": "records"}))
    return Table(dynamodb, "records")
