"""Decode uploads in a process without credentials or, where none starts, in this one."""

from pipeline.sandbox.in_process import InProcess
from pipeline.sandbox.renderer import Sandbox

__all__ = ["InProcess", "Sandbox"]
