"""Ask an operator, and make untrusted text safe for a terminal."""

import sys


def confirm(question: str) -> bool:
    """Ask *question* and return whether the answer is yes; end the program if no one answers."""
    try:
        response = input(f"{question} [y/N] ")
    except EOFError:
        sys.exit("\nNothing was done: there is no one to ask. YES=1 says yes beforehand.")
    return response.strip().lower() in {"y", "yes"}


def printable(text: object) -> str:
    """Return *text* with every invisible character escaped.

    Keys, statuses and messages can hold ANSI sequences, C1 controls, line ends and bidirectional
    overrides. Unicode's categories Other and Separator cover them all; of these only the space
    stays, by the definition of `str.isprintable`.
    """
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in str(text)
    )
