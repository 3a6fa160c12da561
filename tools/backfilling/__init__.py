"""A backfill from outside: which deployment, how much work, at what cost, with what result."""
