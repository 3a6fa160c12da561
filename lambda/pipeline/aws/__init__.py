"""AWS, one module for each service, with errors translated in one place."""
