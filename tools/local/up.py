"""Start the pipeline on a local cloud with the user's settings, and leave it running."""

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools import ROOT
from tools.build.package import WATERMARK_FILES, PackageError
from tools.build.wheels import WheelError
from tools.command_line import parse
from tools.local import head_start
from tools.local.cloud import ARCHITECTURE, Cloud
from tools.local.server import LocalCloudError
from tools.progress import Progress, applying
from tools.provider import ProviderError
from tools.settings import Settings, SettingsError, own_settings
from tools.subprocesses import CommandFailed, interruptible
from tools.terraform import LOCK, Event, program, provider_address, provider_mirror

HOME = ROOT / "build" / "local"

WAITING = "Waiting for another program that uses this local cloud"

DEFAULTS: Mapping[str, object] = {"metadata": {}, "upload_api": {"public": True}}
"""The optional parts that `make up` turns on unless the user's settings set them."""


def deploy(
    cloud: Cloud,
    progress: Progress,
    defaults: Mapping[str, object],
    settings: Settings,
) -> dict[str, Any]:
    """Start *cloud*, apply the pipeline to it and return its outputs.

    *defaults* apply to variables that *settings* do not set. The applied state is saved, so that
    the next run only changes what differs.
    """
    fresh = not cloud.is_running()
    saved = fresh and cloud.is_saved()
    if fresh:
        progress.say("Starting the local cloud")
    cloud.start()
    values = settings.values(cloud.environment)
    variables = {name: value for name, value in defaults.items() if name not in values}
    if watermark := values.get("watermark"):
        variables["watermark"] = _with_absolute_paths(watermark)
    progress.say("Packaging the function")
    folder = cloud.pipeline(settings.files, **variables).folder
    on_event = applying(progress)
    try:
        with cloud.running_provider(folder) as terraform:
            changes = terraform.plan(on_event)
            needs_new_buckets = any(map(_is_slow_replacement, changes))
            if any(map(_is_slow, changes)) and not needs_new_buckets:
                with head_start.given(terraform, cloud.environment, on_event):
                    terraform.apply_plan(on_event)
            elif changes and not needs_new_buckets:
                terraform.apply_plan(on_event)
            outputs = terraform.outputs()
    except CommandFailed:
        if not saved:
            raise
        cloud.forget()  # perhaps saved by another version of MiniStack: start over from nothing
        return deploy(cloud, progress, defaults, settings)
    if needs_new_buckets:
        progress.say("Starting the local cloud anew: its buckets get other names")
        cloud.forget()
        return deploy(cloud, progress, defaults, settings)
    if fresh and changes:
        cloud.save()
    return outputs


def _is_slow_replacement(change: Event) -> bool:
    return _is_slow(change) and change["action"] != "create"


def _is_slow(change: Event) -> bool:
    """Whether the provider would take most of a minute to create or replace a resource."""
    resource, action = change["resource"], change["action"]
    return resource["resource_type"] in head_start.SLOW and action in {"create", "replace"}


def _with_absolute_paths(watermark: Mapping[str, Any]) -> dict[str, Any]:
    """Return *watermark* with absolute paths, since Terraform runs in another folder."""
    files = {
        role: str(ROOT / Path(watermark[role]).expanduser())
        for role in WATERMARK_FILES
        if watermark.get(role)
    }
    return {**watermark, **files}


def up(given: str) -> None:
    """Leave a local cloud running with the user's settings, and print how to use it."""
    settings = own_settings(given)
    cloud = Cloud(HOME / "up")
    with Progress() as progress, cloud.claimed(lambda: progress.say(WAITING)):
        was_running = cloud.is_running()
        try:
            outputs = deploy(cloud, progress, DEFAULTS, settings)
        except BaseException as error:
            if was_running and _has_changed_nothing(error):
                end = "stays up as it was"
            elif was_running:
                end = "stays up until `make down`, perhaps half changed"
            else:
                cloud.stop()
                end = "is down again"
            progress.end()
            print(f"The local cloud {end}.", file=sys.stderr)
            raise
    script = cloud.home / "environment.sh"
    script.write_text(_environment_script(cloud))
    applied = settings if settings.files else "the defaults; terraform.tfvars would be read"
    print(f"""\
The local cloud is up. Settings: {applied}.
In this shell:

  . {shlex.quote(os.path.relpath(script))}
""")
    for purpose, command in _commands(cloud, outputs):
        print(f"  {purpose:9}  {command}")
    print(
        "\nThe browser warns about the local cloud's certificate, as no known authority signed it."
    )


def _has_changed_nothing(error: BaseException) -> bool:
    is_early = isinstance(error, CommandFailed) and " apply " not in error.command
    refusals = (LocalCloudError, SettingsError, PackageError, ProviderError, WheelError)
    return is_early or isinstance(error, refusals)


def _commands(cloud: Cloud, outputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the things to do with the deployment, each with its command."""
    upload = outputs["upload_command"].replace("photo.jpg", "tools/samples/rocket.jpg", 1)
    yield "upload", upload
    yield "", f"aws s3 cp --recursive photos s3://{outputs['source_bucket']}/"
    yield "list", f"aws s3 ls --recursive s3://{outputs['processed_bucket']}/"
    yield "rejected", "make redrive DRY_RUN=1"
    yield "log", "make logs"
    if outputs.get("upload_api_id"):  # Terraform omits null outputs
        yield "page", page_address(cloud, outputs)
    if outputs.get("cdn_url"):
        yield "images", f"{outputs['cdn_url']}/…"
    yield "change", "edit terraform.tfvars, then `make up` again"
    yield "stop", "make down"


def page_address(cloud: Cloud, outputs: Mapping[str, Any]) -> str:
    """The address of the upload page on *cloud*; on AWS it is the output `upload_api_endpoint`."""
    return f"{cloud.endpoint}/_aws/execute-api/{outputs['upload_api_id']}/%24default/"


def _environment_script(cloud: Cloud) -> str:
    """Shell lines that point a shell's AWS tools, Terraform and make at *cloud*.

    Terraform gets what another configuration of the user's needs: the machine's architecture, a
    free name, and the provider's mirror if there is no other source. In the repository `terraform
    output` shows the pipeline as long as nothing else is applied there.
    """
    environment = cloud.environment
    settings = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    settings["NO_PROXY"] = settings["no_proxy"] = environment["NO_PROXY"]
    settings["LOCAL_DEPLOYMENT"] = str(cloud.terraform_state.parent)
    settings["TF_VAR_architecture"] = ARCHITECTURE
    settings["TF_VAR_name"] = "own-pipeline"
    mirror = provider_mirror(ROOT / LOCK, environment)
    if mirror and "TF_CLI_CONFIG_FILE" not in environment:
        file = cloud.home / "terraform.tfrc"
        provider = provider_address(environment)
        file.write_text(_INSTALLATION.format(mirror=mirror, provider=provider))
        settings["TF_CLI_CONFIG_FILE"] = str(file)
    lines = [
        "unset $(env | sed -n 's/^\\(AWS_[A-Za-z0-9_]*\\)=.*/\\1/p') TF_WORKSPACE",
        *(f"export {name}={shlex.quote(value)}" for name, value in settings.items()),
        f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH",
        f"export TF={shlex.quote(program(environment))}",
        _TERRAFORM.format(program=Path(program(environment)).name, root=shlex.quote(str(ROOT))),
    ]
    return "\n".join(lines)


# The mirror only has the AWS provider.
_INSTALLATION = """\
provider_installation {{
  filesystem_mirror {{
    path    = "{mirror}"
    include = ["{provider}"]
  }}
  direct {{
    exclude = ["{provider}"]
  }}
}}
"""

_TERRAFORM = """\
{program}() {{
  if [ "$1" = output ] && [ "$PWD" = {root} ] \\
    && [ ! -e terraform.tfstate ] && [ ! -e .terraform/terraform.tfstate ]
  then command {program} -chdir="$LOCAL_DEPLOYMENT" "$@"
  else command {program} "$@"
  fi
}}
"""


@contextmanager
def exit_in_a_sentence() -> Iterator[None]:
    """End the program with a sentence, not a stack trace, when something expected goes wrong."""
    with interruptible():
        try:
            yield
        except CommandFailed as error:
            sys.exit(_without_command(error))
        except (LocalCloudError, PackageError, ProviderError, SettingsError, WheelError) as error:
            sys.exit(str(error))


def _without_command(error: CommandFailed) -> str:
    """Show only Terraform's message about the settings; for other commands, name the command."""
    is_about_settings = program(os.environ) in error.command and ".tfvars" in error.output
    return error.output.strip() if is_about_settings else str(error)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", default="", help="a file of variables, not terraform.tfvars")
    settings = parse(parser).settings
    with exit_in_a_sentence():
        up(settings)
