"""Read the options of commands, from the command line or from `make`."""

import argparse
import os
from collections.abc import Mapping

GIVEN_TO_MAKE = "GIVEN_TO_MAKE"
"""The environment variable with a line NAME=value for each variable passed to `make`."""


def parse(
    parser: argparse.ArgumentParser, environment: Mapping[str, str] = os.environ
) -> argparse.Namespace:
    """Read the command line; options that it leaves out come from the variables of `make`."""
    for line in environment.get(GIVEN_TO_MAKE, "").splitlines():
        name, _, value = line.partition("=")
        if value:
            parser.set_defaults(**{name.strip().lower(): value})  # make puts spaces between
    return parser.parse_args()
