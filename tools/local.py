"""The pipeline on a local cloud: `local.py up` leaves one running, `local.py down` stops it."""

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cloud import Cloud, LocalCloudError
from package import PackageError
from processes import CommandFailed, interruptible
from progress import Progress, applying
from terraform import ROOT, init_options
from wheels import WheelError

HOME = ROOT / "build" / "local"


def deploy(cloud: Cloud, progress: Progress, **variables: object) -> dict[str, Any]:
    """Start *cloud*, apply the pipeline to it and return its outputs.

    The provider waits for most of a minute whenever it makes a queue or a lifecycle rule. So what
    was applied is saved: the next time Terraform finds it made, and changes only what differs.
    """
    fresh = not cloud.is_running()
    saved = fresh and cloud.is_saved()
    progress.say("Starting the local cloud")
    cloud.start()
    progress.say("Packaging the function")
    terraform = cloud.pipeline(**variables)
    try:
        changed = terraform.apply(on_event=applying(progress))
    except CommandFailed:
        if not saved:
            raise
        cloud.forget()  # another version of something may have saved it: once more from nothing
        return deploy(cloud, progress, **variables)
    if fresh and changed:
        cloud.save()
    return terraform.outputs()


def up() -> None:
    """Leave a local cloud running, and print how to use it."""
    cloud = Cloud(HOME / "up")
    was_running = cloud.is_running()
    try:
        with Progress() as progress:
            outputs = deploy(cloud, progress, metadata={}, upload_api={"public": True})
    except BaseException:
        if was_running:
            end = "stays up until `make down`, perhaps half changed"
        else:
            cloud.forget()
            end = "is taken down"
        print(f"The local cloud {end}.", file=sys.stderr)
        raise
    script = cloud.home / "environment.sh"
    script.write_text(_environment_script(cloud))
    print(f"""\
The local cloud is up. In this shell:

  . {shlex.quote(os.path.relpath(script))}
  {outputs["upload_command"].replace("photo.jpg", "tools/samples/rocket.jpg")}
  aws s3 ls --recursive s3://{outputs["processed_bucket"]}/

And a page to drop photographs on; the browser will ask about the local cloud's certificate:

  {page_address(cloud, outputs)}

It stays up until `make down`.""")


def page_address(cloud: Cloud, outputs: Mapping[str, Any]) -> str:
    """Where *cloud* serves the upload page; on AWS it is the output `upload_api_endpoint`."""
    return f"{cloud.endpoint}/_aws/execute-api/{outputs['upload_api_id']}/%24default/"


def down() -> None:
    """Stop what `up` left running."""
    cloud = Cloud(HOME / "up")
    print("The local cloud is down." if cloud.is_running() else "No local cloud was up.")
    cloud.stop()


def _environment_script(cloud: Cloud) -> str:
    """Shell lines that turn a shell's AWS tools and Terraform to *cloud*."""
    environment = cloud.environment
    settings = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    settings["NO_PROXY"] = settings["no_proxy"] = environment["NO_PROXY"]
    settings["TF_CLI_ARGS_init"] = shlex.join(init_options(ROOT, environment))
    lines = [
        "unset $(env | sed -n 's/^\\(AWS_[A-Za-z0-9_]*\\)=.*/\\1/p')",
        *(f"export {name}={shlex.quote(value)}" for name, value in settings.items()),
        f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH",
    ]
    return "\n".join(lines) + "\n"


@contextmanager
def exit_in_a_sentence() -> Iterator[None]:
    """End the program with a sentence, not a stack trace, when something expected goes wrong."""
    with interruptible():
        try:
            yield
        except (CommandFailed, LocalCloudError, PackageError, WheelError) as error:
            sys.exit(str(error))


def main() -> None:
    """Read the command line and do what it says."""
    commands = {"up": up, "down": down}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=commands)
    chosen = commands[parser.parse_args().command]
    with exit_in_a_sentence():
        chosen()


if __name__ == "__main__":
    main()
