mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

run "names_carry_prefix_and_account" {
  command = plan

  variables { bucket_prefix = "acme-pets" }

  assert {
    condition     = [output.source_bucket, output.processed_bucket] == ["acme-pets-source-123456789012", "acme-pets-processed-123456789012"]
    error_message = "got ${output.source_bucket} and ${output.processed_bucket}"
  }
}

run "names_begin_with_the_deployment_without_a_prefix" {
  command = plan

  variables { name = "pets" }

  assert {
    condition     = output.source_bucket == "pets-source-123456789012"
    error_message = output.source_bucket
  }
}

run "given_names_are_used_unchanged" {
  command = plan

  variables {
    source_bucket_name    = "acme-in"
    processed_bucket_name = "acme-out"
  }

  assert {
    condition     = [output.source_bucket, output.processed_bucket] == ["acme-in", "acme-out"]
    error_message = "got ${output.source_bucket} and ${output.processed_bucket}"
  }
}

run "one_bucket_for_both_is_refused" {
  command         = plan
  expect_failures = [aws_lambda_function.processor]

  variables {
    source_bucket_name    = "acme-pets"
    processed_bucket_name = "acme-pets"
  }
}

run "source_named_like_the_processed_bucket_is_refused" {
  command         = plan
  expect_failures = [aws_lambda_function.processor]

  variables { source_bucket_name = "image-pipeline-processed-123456789012" }
}

run "reserved_name_is_accepted_with_a_prefix" {
  command = plan

  variables {
    name          = "sthree-pets"
    bucket_prefix = "pets"
  }

  assert {
    condition     = output.source_bucket == "pets-source-123456789012"
    error_message = output.source_bucket
  }
}

run "name_with_a_reserved_suffix_is_accepted" {
  command = plan

  variables { name = "pets-s3alias" }

  assert {
    condition     = output.source_bucket == "pets-s3alias-source-123456789012"
    error_message = output.source_bucket
  }
}

run "prefix_with_a_reserved_suffix_is_accepted" {
  command = plan

  variables { bucket_prefix = "acme-an" }

  assert {
    condition     = output.source_bucket == "acme-an-source-123456789012"
    error_message = output.source_bucket
  }
}

run "both_buckets_are_guarded" {
  command = plan

  assert {
    condition = { for role, guard in aws_lambda_invocation.guard : role => jsondecode(guard.input) } == {
      source    = { step = "guard", bucket = "image-pipeline-source-123456789012", force_destroy = false }
      processed = { step = "guard", bucket = "image-pipeline-processed-123456789012", force_destroy = false }
    }
    error_message = jsonencode(aws_lambda_invocation.guard)
  }

  assert {
    condition     = alltrue([for guard in aws_lambda_invocation.guard : guard.lifecycle_scope == "CRUD"])
    error_message = "The function must be invoked before anything is destroyed."
  }
}

run "buckets_may_be_destroyed_by_request" {
  command = plan

  variables { force_destroy = true }

  assert {
    condition     = alltrue([for guard in aws_lambda_invocation.guard : jsondecode(guard.input).force_destroy])
    error_message = jsonencode(aws_lambda_invocation.guard)
  }
}

run "records_are_guarded_with_metadata" {
  command = plan

  variables { metadata = {} }

  assert {
    condition     = jsondecode(aws_lambda_invocation.guard["records"].input) == { step = "guard", table = "image-pipeline-records", deletion_protection = true }
    error_message = jsonencode(aws_lambda_invocation.guard)
  }
}
