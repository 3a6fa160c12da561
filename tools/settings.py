"""Read the user's settings: the variable files that Terraform would read in the repository."""

import json
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools import ROOT, subprocesses
from tools.subprocesses import CommandFailed
from tools.terraform import link_settings, program

_ASSIGNMENT = re.compile(r'^\s*"?([A-Za-z][\w-]*)"?\s*=', re.MULTILINE)
_VARIABLE = re.compile(r'^variable "(\w+)"', re.MULTILINE)
_NOT_CODE = re.compile(
    r"""(?:\#|//)[^\n]* | /\*.*?\*/ | "(?:[^"\\\n]|\\.)*" | <<-?(\w+)\n.*?^\s*\1$""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)  # comments, strings and heredocs

_PROBLEMS = "Warning: Due to the problems above"


class SettingsError(Exception):
    """The settings cannot be used: the message says why."""


@dataclass(frozen=True)
class Settings:
    """Variable files in the order in which Terraform reads them: the last one wins."""

    files: Sequence[Path] = ()

    def names(self) -> list[str]:
        """The variables that the files set, each once."""
        return list(dict.fromkeys(name for file in self.files for name in _names(file)))

    def file_names(self) -> list[str]:
        """The files, relative to the repository."""
        return [str(_relative(file)) for file in self.files]

    def file_of(self, name: str) -> Path:
        """The file whose value of the variable *name* counts, relative to the repository."""
        return _relative([file for file in self.files if name in _names(file)][-1])

    def __str__(self) -> str:
        return f"{', '.join(self.file_names())} ({', '.join(self.names()) or 'which set nothing'})"

    def values(
        self, environment: Mapping[str, str], others: Collection[str] = ()
    ) -> dict[str, Any]:
        """Let Terraform read and check the files, and return their values.

        The files may also set *others*, variables that are not the pipeline's. Raises
        `CommandFailed` with Terraform's errors, and `SettingsError` for an unknown variable or an
        unknown field of one, which Terraform ignores.
        """
        declared = (ROOT / "variables.tf").read_text()
        known = set(_VARIABLE.findall(declared))
        names = [name for name in self.names() if name in known or name not in others]
        for name in names:
            if name not in known:
                raise SettingsError(f"There is no variable {name}{_meant(name, known)}.")
        if not names:
            return {}
        values, problems = self._evaluated(declared, names, environment)
        untyped = "\n".join(f'variable "{name}" {{ type = any }}' for name in names)
        written, _ = self._evaluated(untyped, names, environment)
        for name in names:
            for place, fields in _unknown_fields(name, written[name], values[name]):
                raise SettingsError(f"There is no {place}{_meant(place.split('.')[-1], fields)}.")
        if problems:
            raise CommandFailed(f"{program(environment)} console", 1, problems)
        return values

    def read(self, names: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
        """Return the values of the variables *names*: from the files, the shell or their defaults.

        Raises `CommandFailed` with Terraform's errors.
        """
        values, problems = self._evaluated((ROOT / "variables.tf").read_text(), names, environment)
        if problems:
            raise CommandFailed(f"{program(environment)} console", 1, problems)
        return values

    def _evaluated(
        self, variables: str, names: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[dict[str, Any], str]:
        """Return the values of variables, and Terraform's errors."""
        # Nothing but variables: no provider has to be installed or started for these.
        with TemporaryDirectory() as name:
            folder = Path(name)
            for entry in ROOT.iterdir():
                if not entry.name.startswith(".") and ".tf" not in entry.name:
                    (folder / entry.name).symlink_to(entry)  # paths in the settings lead there
            (folder / "variables.tf").write_text(variables)
            link_settings(folder, self.files)
            expression = ", ".join(f"{name} = var.{name}" for name in names)
            # It exits with status 0 even if a value is refused; only its errors say so.
            command = f"exec {shlex.quote(program(environment))} console -no-color 2>&1"
            given = f"jsonencode({{ {expression} }})\n"
            # Terraform's own log would be read as its response.
            quiet = {name: one for name, one in environment.items() if "TF_LOG" not in name}
            try:
                printed = subprocesses.run(
                    "sh", "-c", command, environment=quiet, folder=folder, given=given
                )
            except CommandFailed as failure:
                raise failure.but_saying(self._named(failure.output)) from None
        *said, response = printed.strip().splitlines()
        values: dict[str, Any] = json.loads(json.loads(response))
        # Terraform warns of problems after it has said them, OpenTofu before.
        problems = [line for line in said if not line.startswith(_PROBLEMS)]
        return values, self._named("\n".join(problems)) if problems != said else ""

    def _named(self, output: str) -> str:
        """Replace the names of links in Terraform's messages by the files' own names."""
        for number, file in enumerate(self.files):
            output = re.sub(rf"\b{number:03}\.auto\.tfvars(\.json)?", str(_relative(file)), output)
        return output


def _unknown_fields(
    place: str, written: object, read: object
) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the unknown fields of objects, each with the known ones."""
    if isinstance(written, dict) and isinstance(read, dict):
        for name, value in written.items():
            if name in read:
                yield from _unknown_fields(f"{place}.{name}", value, read[name])
            else:
                yield f"{place}.{name}", list(read)
    elif isinstance(written, list) and isinstance(read, list):
        for one, other in zip(written, read, strict=False):
            yield from _unknown_fields(place, one, other)


def _meant(name: str, known: Iterable[str]) -> str:
    """Return the *known* names that may be meant, as the end of a sentence."""
    close = get_close_matches(name, sorted(known), n=1)
    return f"; {close[0]} may be meant" if close else f"; there are {', '.join(sorted(known))}"


def declared_in(folder: Path) -> set[str]:
    """Return the variables that the configuration in *folder* declares."""
    return {name for file in folder.glob("*.tf") for name in _VARIABLE.findall(file.read_text())}


def own_settings(given: str, folder: Path | None = None) -> Settings:
    """Return the settings in the file *given*, or those that Terraform finds in *folder*.

    The folder is the repository if none is given. Raises `SettingsError`.
    """
    if not given:
        folder = folder or ROOT
        found = [folder / "terraform.tfvars", folder / "terraform.tfvars.json"]
        found += sorted([*folder.glob("*.auto.tfvars"), *folder.glob("*.auto.tfvars.json")])
        return Settings([file for file in found if file.is_file()])
    file = Path(given).expanduser().absolute()
    if not file.is_file():
        raise SettingsError(f"SETTINGS={given}: there is no such file.")
    return Settings([file])


def _names(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{_relative(file)} is not UTF-8: {error}") from error
    if file.suffix == ".json":
        try:
            values = json.loads(text)
        except ValueError as error:
            raise SettingsError(f"{_relative(file)} is no JSON: {error}") from error
        return list(values) if isinstance(values, dict) else []
    return _ASSIGNMENT.findall(_top_level(text))


def _top_level(text: str) -> str:
    """Return HCL without the contents of brackets, comments and strings."""
    depth, kept = 0, []
    for character in _NOT_CODE.sub("0", text):
        depth += (character in "{[(") - (character in "}])")
        if depth == 0 or character == "\n":
            kept.append(character)
    return "".join(kept)


def _relative(file: Path) -> Path:
    return file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
