"""The origin of a deployment to AWS: a folder, its settings, and a shell's environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools import ROOT
from tools.settings import Settings, own_settings
from tools.terraform import Terraform


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """By default the repository and the current shell.

    *is_local* lets the commands run against a local cloud. Only the tests set it; no option does.
    """

    folder: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    is_local: bool = False

    @property
    def terraform(self) -> Terraform:
        return Terraform(self.folder, self.environment, may_finish=True)

    @property
    def settings(self) -> Settings:
        return own_settings("", self.folder)
