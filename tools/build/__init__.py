"""The function's package, and what is checked of it and of the Terraform."""
