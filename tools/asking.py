"""Ask whoever is there before something is done that costs or cannot be taken back."""

import sys


def agreed(question: str) -> bool:
    """Ask *question* and return whether the answer is yes; end the program if nobody answers."""
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        sys.exit("\nNothing was done: there is nobody to ask. YES=1 says yes beforehand.")
    return answer.strip().lower() in {"y", "yes"}
