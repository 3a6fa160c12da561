"""A local cloud on which the unmodified Terraform deploys the pipeline, for trials and tests."""
