"""Everything that calls AWS, with its errors translated in one place, `client`."""
