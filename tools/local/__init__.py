"""A local cloud with the real Terraform on it, to try the pipeline and to test it."""
