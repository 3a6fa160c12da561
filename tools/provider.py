"""Run one process of the AWS provider for many runs of Terraform.

Terraform starts the provider for every command, sometimes twice, which takes seconds. Terraform and
the provider also collect garbage less often here, which otherwise takes a third of their time.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

from tools import subprocesses
from tools.provider_schema import small_schema
from tools.terraform import REATTACH, provider_address

GARBAGE_COLLECTION = {"GOGC": "800", "GOMEMLIMIT": "1GiB"}

_TOLD = re.compile(f"{REATTACH}='(.+)'")


class ProviderError(Exception):
    """The provider does not start."""


@contextmanager
def running_provider(folder: Path, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run the provider that `terraform init` has installed in *folder*.

    Yields the environment variables that make Terraform use this process. The provider takes
    credentials and endpoint from *environment*, not from Terraform's. Raises `ProviderError`.
    """
    [program] = (folder / ".terraform" / "providers").glob(
        f"{provider_address(environment)}/*/*/terraform-provider-aws*"
    )
    settings = {**environment, **GARBAGE_COLLECTION}
    if authority := settings.pop("AWS_CA_BUNDLE", None):
        # A provider with its own CA bundle can be configured once only; Go reads this as well.
        settings["SSL_CERT_FILE"] = authority
    # A debugging feature of HashiCorp's plugin SDK: the provider prints how to attach to it.
    with Popen(
        (str(program.absolute()), "-debug"),
        cwd=folder,  # as Terraform's own provider, for relative paths
        env=settings,
        stdout=PIPE,
        stderr=DEVNULL,
        text=True,
        process_group=0,
    ) as process:
        try:
            output = next(filter(None, map(_TOLD.search, process.stdout or ())), None)
            if output is None:
                raise ProviderError(f"{program} does not start.")
            # The provider tells Terraform's address for it.
            _, attached = json.loads(output[1]).popitem()
            own = attached["Addr"]["String"]
            with _removed(Path(own)), small_schema(own, folder) as socket:
                attached["Addr"]["String"] = socket
                address = provider_address(environment)
                yield {**GARBAGE_COLLECTION, REATTACH: json.dumps({address: attached})}
        finally:
            subprocesses.kill_group(process.pid)


@contextmanager
def _removed(socket: Path) -> Iterator[None]:
    """Remove *socket* afterwards, which a killed provider would leave in the temporary folder."""
    try:
        yield
    finally:
        socket.unlink(missing_ok=True)
