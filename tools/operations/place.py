"""Where a deployment to AWS is made from: a folder, its settings, and a shell's environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools import ROOT
from tools.settings import Settings, own_settings
from tools.terraform import Terraform


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The repository and the shell, unless it is said otherwise.

    *is_local* lets the commands work on a local cloud. Nothing that an operator can say sets it:
    only the tests make such a place.
    """

    folder: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    is_local: bool = False

    @property
    def terraform(self) -> Terraform:
        return Terraform(self.folder, self.environment)

    @property
    def settings(self) -> Settings:
        return own_settings("", self.folder)
