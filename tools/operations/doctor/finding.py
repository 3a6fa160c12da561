"""A finding: a problem with the command that fixes it."""

from collections.abc import Iterable
from dataclasses import dataclass

from tools.operations.terminal import printable
from tools.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A *problem* as a sentence, and its *fix* as a shell command."""

    problem: str
    fix: str
    is_blocking: bool = True

    def __str__(self) -> str:
        label = "stop" if self.is_blocking else "note"
        return f"{label}  {printable(self.problem)}\n      $ {printable(self.fix)}"


def report(findings: Iterable[Finding]) -> str:
    """Return the lines that show *findings*, the blocking ones first."""
    ordered = sorted(findings, key=lambda finding: not finding.is_blocking)
    return "\n".join(map(str, ordered))


def set_variable(settings: Settings, name: str, value: str) -> str:
    """Return the command that sets the variable *name* to *value*, which is HCL."""
    if name in settings.names():
        return f"$EDITOR {settings.file_of(name)} # {name} = {value}"
    return f"echo '{name} = {value}' >> terraform.tfvars"
