"""Benchmarks of the image engine, its peers and whole uploads."""
