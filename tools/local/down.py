"""Stop the local cloud that `up` left running."""

from tools.local.cloud import Cloud
from tools.local.up import HOME, exit_in_a_sentence


def main() -> None:
    """Stop it, and say whether there was one."""
    cloud = Cloud(HOME / "up")
    with exit_in_a_sentence():
        print("The local cloud is down." if cloud.is_running() else "No local cloud was up.")
        cloud.stop()
