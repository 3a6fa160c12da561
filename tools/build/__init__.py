"""Build and check the function's package, and test the Terraform configuration."""
