"""The environment of whatever talks to the local cloud: from it no way leads to a real account."""

from collections.abc import Mapping
from pathlib import Path

ACCESS_KEY = "local-cloud"  # MiniStack takes the key that it was started with for the root user's
SECRET_KEY = "made-up"  # noqa: S105 - nothing accepts it but the local cloud
REGION = "eu-central-2"  # for most others the CLI has an SQS address that it puts above any setting

_TERRAFORM_KEPT = (
    *("TF_CLI_CONFIG_FILE", "TF_LOG", "TF_LOG_PATH", "TF_PLUGIN_CACHE_DIR"),
    "TF_PLUGIN_DIR",  # ours, not Terraform's
)


def isolated(caller: Mapping[str, str], *, endpoint: str, home: Path) -> dict[str, str]:
    """What remains of the *caller*'s environment, and made-up credentials for *endpoint*.

    Every AWS setting goes: credentials, profiles, roles, endpoints of single services. The shared
    files and the instance's metadata are other sources of credentials, so both are switched off:
    the files by paths in *home* at which there is nothing.
    """
    kept = {name: value for name, value in caller.items() if _is_harmless(name, value)}
    return kept | {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
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
    """A proxy may be needed for the registry, never for this machine."""
    hosts = caller.get("no_proxy") or caller.get("NO_PROXY", "")
    direct = ",".join(host for host in (hosts, "127.0.0.1", "localhost") if host)
    return {"NO_PROXY": direct, "no_proxy": direct}
