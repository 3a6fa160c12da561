"""The stages of rendering, announced so that a caller can time them."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

Stage: TypeAlias = Callable[[str], AbstractContextManager[None]]
"""Called with "decode", "resize", "watermark" or "encode"; wraps that part of the work."""


def untimed(_name: str) -> AbstractContextManager[None]:
    """Let a stage pass unobserved."""
    return nullcontext()
