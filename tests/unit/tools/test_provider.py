"""The process of the provider that many runs of Terraform share."""

import json
from pathlib import Path

from tools.provider import running_provider
from tools.terraform import REATTACH, provider_address

SCRIPT = """#!/bin/sh
touch "$SOCKET"
echo "TF_REATTACH_PROVIDERS='$ATTACHED'"
exec sleep 60
"""


def test_the_socket_of_a_provider_is_removed_with_it(tmp_path: Path) -> None:
    socket = tmp_path / "socket"
    attached = {"registry.terraform.io/hashicorp/aws": {"Addr": {"String": str(socket)}}}
    environment = {"PATH": "/usr/bin:/bin", "SOCKET": str(socket), "ATTACHED": json.dumps(attached)}
    place = tmp_path / ".terraform" / "providers" / provider_address(environment) / "5.100.0" / "x"
    place.mkdir(parents=True)
    program = place / "terraform-provider-aws_v5.100.0"
    program.write_text(SCRIPT)
    program.chmod(0o755)

    with running_provider(tmp_path, environment) as settings:
        assert socket.exists()
        [told] = json.loads(settings[REATTACH]).values()
        assert told["Addr"]["String"] != str(socket)

    assert not socket.exists()
