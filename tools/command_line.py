"""Read the options of commands, from the command line or from `make`."""

import argparse
import os
from collections.abc import Mapping

GIVEN_TO_MAKE = "GIVEN_TO_MAKE"
"""The environment variable with a line NAME=value for each variable passed to `make`."""

_ON = ("1", "y", "yes", "true", "on")
_OFF = ("0", "n", "no", "false", "off")


def parse(
    parser: argparse.ArgumentParser, environment: Mapping[str, str] = os.environ
) -> argparse.Namespace:
    """Read the command line; options that it leaves out come from the variables of `make`."""
    for line in environment.get(GIVEN_TO_MAKE, "").split("\n"):
        name, _, value = line.partition("=")
        option = name.strip().lower()  # make puts spaces between
        if value:
            if any("\ud800" <= character <= "\udfff" for character in value):
                parser.error(f"{name.strip()}={ascii(value)[1:-1]} is not UTF-8")
            is_flag = parser.get_default(option) is False
            given = _is_on(parser, name.strip(), value) if is_flag else value
            parser.set_defaults(**{option: given})
    return parser.parse_args()


def _is_on(parser: argparse.ArgumentParser, name: str, value: str) -> bool:
    """Read the value of a variable that answers a question: nobody means yes by YES=0."""
    if (word := value.strip().lower()) not in {*_ON, *_OFF}:
        parser.error(f"{name}={value} is neither yes nor no: write {name}=1, or leave it out")
    return word in _ON
