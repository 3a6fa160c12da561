"""The failure queue from outside: what is on it, held and read."""
