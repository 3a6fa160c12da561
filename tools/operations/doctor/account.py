"""Find the shell's AWS account and region, by the rules of Terraform's provider."""

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from tools.operations.deployment import LOCAL
from tools.operations.doctor.finding import Finding

_SERVICES = ("sts", "s3", "lambda", "sqs", "iam", "logs")
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")

# STS returns the first of these for unknown keys, and in a region that the account has not
# enabled.
_UNKNOWN_KEYS = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}

OpenSession = Callable[[str | None], boto3.Session]
"""Returns a session of the shell in a region, or in its profile's region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account's *id*, the *arn* of the signed-in identity, and a session in the region."""

    id: str
    arn: str
    region: str
    aws: boto3.Session

    def __str__(self) -> str:
        return f"account {self.id} in {self.region}"


class Unusable(Exception):
    """The shell has no usable account."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.problem)
        self.finding = finding


def shell_session(region: str | None) -> boto3.Session:
    return boto3.Session(region_name=region)


def find_account(
    environment: Mapping[str, str] = os.environ,
    open_session: OpenSession = shell_session,
    *,
    may_be_local: bool = False,
) -> Account:
    """Return the account that the shell is signed in to. Raises `Unusable`.

    *may_be_local* permits a local cloud, for the tests.
    """
    if not may_be_local:
        _refuse_endpoints_of(environment)
    try:
        session = open_session(environment.get("AWS_REGION"))
        region = environment.get("AWS_REGION") or session.region_name
        _refuse_region(region, session)
        if not may_be_local:
            _refuse_endpoints_in(session)
        caller = _identify(session, open_session)
    # The latter two: programs and files with credentials that fail, and values in the wrong form.
    except (BotoCoreError, ClientError, OSError, ValueError) as error:
        raise Unusable(_of_credentials(error, environment)) from error
    return Account(id=caller["Account"], arn=caller["Arn"], region=str(region), aws=session)


def two_regions(environment: Mapping[str, str]) -> Finding | None:
    """Return a finding if programs would disagree about the region."""
    first, second = environment.get("AWS_REGION"), environment.get("AWS_DEFAULT_REGION")
    if not first or not second or first == second:
        return None
    return Finding(
        problem=f"AWS_REGION is {first} and AWS_DEFAULT_REGION is {second}: Terraform reads the"
        " first, and boto3 the second.",
        fix='export AWS_DEFAULT_REGION="$AWS_REGION"',
    )


def _identify(session: boto3.Session, open_session: OpenSession) -> Mapping[str, Any]:
    try:
        return {**session.client("sts").get_caller_identity()}
    except ClientError as error:
        if error.response["Error"]["Code"] in _UNKNOWN_KEYS and _are_known(open_session):
            raise Unusable(
                Finding(
                    problem=f"The account has not enabled the region {session.region_name}.",
                    fix=f"aws account enable-region --region-name {session.region_name}",
                )
            ) from error
        raise


def _are_known(open_session: OpenSession) -> bool:
    """Whether the credentials are valid in a region that every account has enabled."""
    try:
        open_session("us-east-1").client("sts").get_caller_identity()
    except (BotoCoreError, ClientError):
        return False
    return True


def _refuse_region(region: str | None, session: boto3.Session) -> None:
    if region is None:
        raise Unusable(
            Finding(problem="No region is set.", fix="export AWS_REGION=eu-central-1 # or another")
        )
    known = [
        name
        for partition in _PARTITIONS
        for name in session.get_available_regions("lambda", partition_name=partition)
    ]
    if region not in known:
        meant = get_close_matches(region, known, n=1) or ["eu-central-1"]
        raise Unusable(
            Finding(
                problem=f"There is no region {region} with Lambda.",
                fix=f"export AWS_REGION={meant[0]}",
            )
        )


def _refuse_endpoints_of(environment: Mapping[str, str]) -> None:
    """Refuse a shell that points at a local cloud or any other endpoint than AWS's."""
    names = [
        name
        for name, value in environment.items()
        if value and (name == LOCAL or name.startswith("AWS_ENDPOINT_URL"))
    ]
    if names:
        raise Unusable(
            Finding(
                problem=f"This shell points at a local cloud or another endpoint by"
                f" {', '.join(sorted(names))}: nothing of AWS is touched from it.",
                fix='exec env -i HOME="$HOME" TERM="$TERM" "$SHELL" -l # a fresh shell',
            )
        )


def _refuse_endpoints_in(session: boto3.Session) -> None:
    """Refuse endpoints in the shared configuration."""
    for service in _SERVICES:
        client = session.client(service)  # type: ignore[call-overload]  # mypy expects a literal
        endpoint = client.meta.endpoint_url
        if not (urlsplit(endpoint).hostname or "").endswith(_AWS):
            raise Unusable(
                Finding(
                    problem=f"The profile has {service} at {endpoint}, which is not AWS's.",
                    fix="export AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true",
                )
            )


def _of_credentials(error: Exception, environment: Mapping[str, str]) -> Finding:
    """Return the problem with the credentials that *error* shows."""
    profile = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    login = f"aws sso login --profile {shlex.quote(profile)}" if profile else "aws sso login"
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    match error:
        case ProfileNotFound():
            return Finding(problem=f"{error}.", fix=_choose_profile())
        case NoCredentialsError():
            return Finding(problem="No credentials for AWS were found.", fix=_choose_profile())
        case PartialCredentialsError():
            return Finding(problem=f"{error}.", fix="aws configure")
        case SSOError() | TokenRetrievalError():
            return Finding(problem=f"The sign-in has ended: {error}", fix=login)
    if code in _EXPIRED:
        return Finding(problem=f"The credentials have expired ({code}).", fix=login)
    if code in _UNKNOWN_KEYS:
        return Finding(
            problem=f"AWS does not know these credentials ({code}).", fix="aws configure"
        )
    return Finding(
        problem=f"AWS does not say who is signed in: {error}", fix="aws sts get-caller-identity"
    )


def _choose_profile() -> str:
    """Return the command that selects credentials: an existing profile, or a new one."""
    profiles = botocore.session.get_session().available_profiles
    return f"export AWS_PROFILE={shlex.quote(profiles[0])}" if profiles else "aws configure sso"
