"""Additions to MiniStack, written from AWS's documentation. Nothing here runs on AWS."""

MINISTACK = "1.5.33"
"""The only supported version, since the additions patch its internals."""
