"""The environment for programs that use the local cloud, cut off from real accounts."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REGION = "eu-central-2"  # elsewhere the CLI's built-in SQS address often overrides any setting

_TERRAFORM_KEPT = (
    *("TF_CLI_CONFIG_FILE", "TF_LOG", "TF_LOG_PATH", "TF_PLUGIN_CACHE_DIR"),
    "TF_PLUGIN_DIR",  # ours, not Terraform's
)


@dataclass(frozen=True)
class Credentials:
    """Credentials of the root user of one local cloud; no other accepts them."""

    access_key: str
    secret_key: str

    @classmethod
    def random(cls) -> "Credentials":
        """Make up new credentials. Their prefix is not one of AWS's."""
        return cls(f"LOCAL{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))


def isolated(
    caller: Mapping[str, str], *, endpoint: str, home: Path, credentials: Credentials
) -> dict[str, str]:
    """The *caller*'s environment without AWS settings, plus made-up credentials for *endpoint*.

    Every AWS setting is removed: credentials, profiles, roles, endpoints of single services. The
    shared files and the instance metadata also provide credentials, so both are switched off, the
    files by paths in *home* that do not exist.
    """
    kept = {name: value for name, value in caller.items() if _is_harmless(name, value)}
    return kept | {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CA_BUNDLE": str(home / "authority.pem"),
        "AWS_CONFIG_FILE": str(home / "no-aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "no-aws-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        **_without_proxy(caller),
    }


def _is_harmless(name: str, value: str) -> bool:
    if name == "TF_CLI_CONFIG_FILE":
        return Path(value).is_file()
    # TF_VAR_…, TF_CLI_ARGS_…, TF_WORKSPACE and their like belong to the caller's own deployments.
    return name in _TERRAFORM_KEPT or not name.startswith(("AWS_", "BOTO_", "TF_"))


def _without_proxy(caller: Mapping[str, str]) -> dict[str, str]:
    """Bypass the proxy for this machine; the registry may need it."""
    hosts = caller.get("no_proxy") or caller.get("NO_PROXY", "")
    direct = ",".join(host for host in (hosts, "127.0.0.1", "localhost") if host)
    return {"NO_PROXY": direct, "no_proxy": direct}
