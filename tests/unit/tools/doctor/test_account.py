"""Every reason why a shell has no usable account, and the command that fixes it."""

from pathlib import Path

import boto3
import pytest

from tests.scripted_aws import ScriptedAws
from tools.operations.doctor.account import Unusable, find_account, shell_session, two_regions
from tools.operations.doctor.finding import Finding

REGION = {"AWS_REGION": "eu-west-1"}
CALLER = {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/ann", "UserId": "A"}

SSO = """
[profile work]
sso_session = work
sso_account_id = 123456789012
sso_role_name = Admin
region = eu-west-1

[sso-session work]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-west-1
"""


def finding(environment: dict[str, str] = REGION, aws: ScriptedAws | None = None) -> Finding:
    """Return why the account is unusable."""
    with pytest.raises(Unusable) as caught:
        find_account(environment, aws.session if aws else shell_session)
    return caught.value.finding


def test_an_account_is_found_with_its_region() -> None:
    account = find_account(REGION, ScriptedAws(GetCallerIdentity=CALLER).session)

    assert str(account) == "account 123456789012 in eu-west-1"
    assert account.arn.endswith("user/ann")


def test_the_region_of_a_profile_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")

    account = find_account({}, ScriptedAws(GetCallerIdentity=CALLER).session)

    assert account.region == "eu-north-1"


def test_no_region() -> None:
    assert finding({}).fix == "export AWS_REGION=eu-central-1 # or another"


def test_an_unknown_region() -> None:
    found = finding({"AWS_REGION": "eu-cenral-1"})

    assert "no region eu-cenral-1" in found.problem
    assert found.fix == "export AWS_REGION=eu-central-1"


def test_no_credentials_and_no_profile() -> None:
    assert finding().fix == "aws configure sso"


def test_no_credentials_but_a_profile(config: Path) -> None:
    config.write_text("[profile work]\nregion = eu-west-1\n")

    assert finding().fix == "export AWS_PROFILE=work"


def test_an_unknown_profile(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("[profile work]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_PROFILE", "wrok")

    found = finding()

    assert "wrok" in found.problem
    assert found.fix == "export AWS_PROFILE=work"


def test_half_of_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")

    assert finding().fix == "aws configure"


def test_an_expired_sign_in(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(SSO)
    monkeypatch.setenv("AWS_PROFILE", "work")

    found = finding({"AWS_PROFILE": "work"})

    assert "sign-in has ended" in found.problem
    assert found.fix == "aws sso login --profile work"


def test_credentials_that_have_expired() -> None:
    found = finding(aws=ScriptedAws(GetCallerIdentity="ExpiredToken"))

    assert found.fix == "aws sso login"


def test_credentials_that_aws_does_not_know() -> None:
    found = finding(aws=ScriptedAws(GetCallerIdentity="InvalidClientTokenId"))

    assert found.fix == "aws configure"


def test_a_region_that_the_account_has_not_enabled() -> None:
    far, near = ScriptedAws(GetCallerIdentity="InvalidClientTokenId"), CALLER

    def open_session(region: str | None) -> boto3.Session:
        aws = ScriptedAws(GetCallerIdentity=near) if region == "us-east-1" else far
        return aws.session(region)

    with pytest.raises(Unusable) as caught:
        find_account({"AWS_REGION": "ap-east-1"}, open_session)

    assert caught.value.finding.fix == "aws account enable-region --region-name ap-east-1"


def test_any_other_error_from_aws() -> None:
    found = finding(aws=ScriptedAws(GetCallerIdentity="ServiceUnavailable"))

    assert "ServiceUnavailable" in found.problem
    assert found.fix == "aws sts get-caller-identity"


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("credential_process = /nowhere/login", "/nowhere/login"),
        ("credential_process = echo hello", "Expecting value"),
        ("endpoint_url = nowhere", "Invalid endpoint: nowhere"),
    ],
)
def test_a_profile_that_does_not_work(
    config: Path, monkeypatch: pytest.MonkeyPatch, profile: str, said: str
) -> None:
    config.write_text(f"[default]\n{profile}\n")
    if "endpoint" in profile:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")

    found = finding()

    assert said in found.problem
    assert found.fix == "aws sts get-caller-identity"


def test_an_empty_endpoint_is_none() -> None:
    empty = {**REGION, "AWS_ENDPOINT_URL": "", "LOCAL_DEPLOYMENT": ""}

    assert find_account(empty, ScriptedAws(GetCallerIdentity=CALLER).session)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "LOCAL_DEPLOYMENT"])
def test_a_shell_that_points_at_a_local_cloud(name: str) -> None:
    found = finding({**REGION, name: "https://127.0.0.1:4566"})

    assert name in found.problem
    assert found.fix.startswith("exec env -i ")


def test_a_profile_that_points_at_a_local_cloud(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("[default]\nendpoint_url = http://127.0.0.1:4566\n")

    found = finding()

    assert "http://127.0.0.1:4566, which is not AWS's" in found.problem
    assert found.fix == "export AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert find_account(REGION, ScriptedAws(GetCallerIdentity=CALLER).session)


def test_two_regions() -> None:
    found = two_regions({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"})

    assert found
    assert found.fix == 'export AWS_DEFAULT_REGION="$AWS_REGION"'
    assert two_regions(REGION) is None
