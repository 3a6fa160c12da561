"""Containers of image formats: read within bounds, rewritten where decoders misread them."""
