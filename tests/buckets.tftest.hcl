mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "names_carry_prefix_and_account" {
  command = plan

  variables {
    bucket_prefix = "acme-pets"
  }

  assert {
    condition     = [output.source_bucket, output.processed_bucket] == ["acme-pets-source-123456789012", "acme-pets-processed-123456789012"]
    error_message = "got ${output.source_bucket} and ${output.processed_bucket}"
  }
}

run "names_begin_with_the_deployment_without_a_prefix" {
  command = plan

  variables {
    name = "pets"
  }

  assert {
    condition     = output.source_bucket == "pets-source-123456789012"
    error_message = output.source_bucket
  }
}

run "given_names_are_taken_as_they_are" {
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
  command = plan

  variables {
    source_bucket_name    = "acme-pets"
    processed_bucket_name = "acme-pets"
  }

  expect_failures = [aws_s3_bucket_notification.source]
}

run "source_named_like_the_processed_bucket_is_refused" {
  command = plan

  variables {
    source_bucket_name = "image-pipeline-processed-123456789012"
  }

  expect_failures = [aws_s3_bucket_notification.source]
}

run "prefix_that_is_no_bucket_name_is_refused" {
  command = plan

  variables {
    bucket_prefix = "Acme_Pets"
  }

  expect_failures = [var.bucket_prefix]
}

run "prefix_that_s3_reserves_is_refused" {
  command = plan

  variables {
    bucket_prefix = "sthree-pets"
  }

  expect_failures = [var.bucket_prefix]
}

run "name_that_s3_reserves_is_refused" {
  command = plan

  variables {
    name = "amzn-s3-demo-pets"
  }

  expect_failures = [var.name]
}

run "name_that_s3_reserves_will_do_with_a_prefix" {
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

run "name_that_ends_as_s3_reserves_will_do" {
  command = plan

  variables {
    name = "pets-s3alias"
  }

  assert {
    condition     = output.source_bucket == "pets-s3alias-source-123456789012"
    error_message = output.source_bucket
  }
}

run "source_that_is_no_bucket_name_is_refused" {
  command = plan

  variables {
    source_bucket_name = "acme.pets"
  }

  expect_failures = [var.source_bucket_name]
}

run "source_name_that_s3_reserves_is_refused" {
  command = plan

  variables {
    source_bucket_name = "acme-pets-s3alias"
  }

  expect_failures = [var.source_bucket_name]
}

run "processed_that_is_no_bucket_name_is_refused" {
  command = plan

  variables {
    processed_bucket_name = "-acme"
  }

  expect_failures = [var.processed_bucket_name]
}

run "processed_name_that_s3_reserves_is_refused" {
  command = plan

  variables {
    processed_bucket_name = "xn--acme"
  }

  expect_failures = [var.processed_bucket_name]
}

run "key_by_its_alias_is_refused" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-central-1:123456789012:alias/pets" }
  }

  expect_failures = [var.kms_key]
}

run "source_expiry_of_no_days_is_refused" {
  command = plan

  variables {
    source_expiration_days = 0
  }

  expect_failures = [var.source_expiration_days]
}

run "processed_expiry_of_part_of_a_day_is_refused" {
  command = plan

  variables {
    processed_expiration_days = 1.5
  }

  expect_failures = [var.processed_expiration_days]
}

run "aborting_uploads_at_once_is_refused" {
  command = plan

  variables {
    abort_multipart_days = 0
  }

  expect_failures = [var.abort_multipart_days]
}
