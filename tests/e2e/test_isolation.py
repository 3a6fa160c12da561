"""With real credentials in the environment, requests still reach only the local cloud."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from tools import subprocesses
from tools.local.cloud import Cloud, running_cloud

CONFIGURATION = """
provider "aws" {}
data "aws_caller_identity" "current" {}
resource "aws_s3_bucket" "made" { bucket = "made-by-terraform" }
output "account" { value = data.aws_caller_identity.current.account_id }
"""
PROXIES = [
    name for upper in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for name in (upper, upper.lower())
]
SDK = """
import json, boto3
session = boto3.Session()
services = {
    "sts": lambda client: client.get_caller_identity()["Arn"],
    "s3": lambda client: [bucket["Name"] for bucket in client.list_buckets()["Buckets"]],
    "sqs": lambda client: client.list_queues().get("QueueUrls", []),
    "lambda": lambda client: client.list_functions()["Functions"],
    "logs": lambda client: client.describe_log_groups()["logGroups"],
}
answers = {name: ask(session.client(name)) for name, ask in services.items()}
print(json.dumps({"key": session.get_credentials().access_key, "answers": answers}))
"""


class Recorder:
    """A proxy that records requests and never responds."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            with caller:
                self.requests.append(caller.recv(4096))

    def close(self) -> None:
        # Closing alone does not wake the thread in accept.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def proxy() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture
def perilous_cloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: Recorder
) -> Iterator[Cloud]:
    """Run a local cloud with real credentials in every place that AWS tools read."""
    files = tmp_path / ".aws"
    files.mkdir()
    keys = "aws_access_key_id = AKIAREALREALREALREAL\naws_secret_access_key = real\n"
    (files / "credentials").write_text(f"[default]\n{keys}[production]\n{keys}")
    settings = "region = us-east-1\nendpoint_url = https://s3.us-east-1.amazonaws.com\n"
    (files / "config").write_text(f"[default]\n{settings}[profile production]\n{settings}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALREALREALREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.us-east-1.amazonaws.com")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "https://sqs.us-east-1.amazonaws.com")
    monkeypatch.delenv("AWS_CONFIG_FILE", raising=False)
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE", raising=False)
    for name in PROXIES:
        monkeypatch.setenv(name, proxy.address)
    with running_cloud(tmp_path / "cloud") as cloud:
        yield cloud


def test_the_sdk_finds_only_the_local_cloud(perilous_cloud: Cloud, proxy: Recorder) -> None:
    output = subprocesses.run(sys.executable, "-c", SDK, environment=perilous_cloud.environment)

    found = json.loads(output)
    assert found["key"] == perilous_cloud.environment["AWS_ACCESS_KEY_ID"]
    assert found["key"].startswith("LOCAL")
    assert found["answers"]["sts"] == "arn:aws:iam::000000000000:root"
    assert proxy.requests == []


@pytest.mark.parametrize(
    "command", ["sts get-caller-identity", "s3 ls", "sqs list-queues", "lambda list-functions"]
)
def test_the_cli_finds_only_the_local_cloud(
    perilous_cloud: Cloud, proxy: Recorder, command: str
) -> None:
    subprocesses.run("aws", *command.split(), environment=perilous_cloud.environment)

    assert proxy.requests == []


def test_terraform_finds_only_the_local_cloud(
    perilous_cloud: Cloud, proxy: Recorder, tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text(CONFIGURATION)
    terraform = perilous_cloud.terraform(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        for name in PROXIES:
            patch.delenv(name)  # init may need the registry; what follows, only the local cloud
        perilous_cloud.terraform(tmp_path).init()

    terraform.apply()

    assert terraform.outputs() == {"account": "000000000000"}
    assert proxy.requests == []


def test_without_the_isolation_the_cli_would_have_gone_elsewhere(
    perilous_cloud: Cloud, proxy: Recorder
) -> None:
    environment = perilous_cloud.environment
    environment["AWS_ENDPOINT_URL_SQS"] = "https://sqs.us-east-1.amazonaws.com"

    with pytest.raises(subprocesses.CommandFailed):
        subprocesses.run(
            *("aws", "sqs", "list-queues", "--cli-connect-timeout", "5"),
            environment=environment | {"AWS_MAX_ATTEMPTS": "1"},
        )

    assert any(b"sqs.us-east-1.amazonaws.com" in request for request in proxy.requests)
