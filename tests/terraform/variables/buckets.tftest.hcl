run "prefix_that_is_no_bucket_name_is_refused" {
  command         = plan
  expect_failures = [var.bucket_prefix]

  variables { bucket_prefix = "Acme_Pets" }
}

run "prefix_that_s3_reserves_is_refused" {
  command         = plan
  expect_failures = [var.bucket_prefix]

  variables { bucket_prefix = "sthree-pets" }
}

run "name_that_s3_reserves_is_refused" {
  command         = plan
  expect_failures = [var.name]

  variables { name = "amzn-s3-demo-pets" }
}

run "source_that_is_no_bucket_name_is_refused" {
  command         = plan
  expect_failures = [var.source_bucket_name]

  variables { source_bucket_name = "acme.pets" }
}

run "source_name_that_s3_reserves_is_refused" {
  command         = plan
  expect_failures = [var.source_bucket_name]

  variables { source_bucket_name = "acme-pets-s3alias" }
}

run "source_name_that_ends_as_s3_reserves_is_refused" {
  command         = plan
  expect_failures = [var.source_bucket_name]

  variables { source_bucket_name = "acme-pets-an" }
}

run "processed_name_that_ends_as_s3_reserves_is_refused" {
  command         = plan
  expect_failures = [var.processed_bucket_name]

  variables { processed_bucket_name = "acme-pets-an" }
}

run "processed_that_is_no_bucket_name_is_refused" {
  command         = plan
  expect_failures = [var.processed_bucket_name]

  variables { processed_bucket_name = "-acme" }
}

run "processed_name_that_s3_reserves_is_refused" {
  command         = plan
  expect_failures = [var.processed_bucket_name]

  variables { processed_bucket_name = "xn--acme" }
}

run "key_by_its_alias_is_refused" {
  command         = plan
  expect_failures = [var.kms_key]

  variables { kms_key = { arn = "arn:aws:kms:eu-central-1:123456789012:alias/pets" } }
}

run "source_expiry_of_no_days_is_refused" {
  command         = plan
  expect_failures = [var.source_expiration_days]

  variables { source_expiration_days = 0 }
}

run "processed_expiry_of_no_days_is_refused" {
  command         = plan
  expect_failures = [var.processed_expiration_days]

  variables { processed_expiration_days = 0 }
}

run "aborting_uploads_at_once_is_refused" {
  command         = plan
  expect_failures = [var.abort_multipart_days]

  variables { abort_multipart_days = 0 }
}
