run "invalid_bucket_prefix_is_refused" {
  command         = plan
  expect_failures = [var.bucket_prefix]

  variables { bucket_prefix = "Acme_Pets" }
}

run "reserved_bucket_prefix_is_refused" {
  command         = plan
  expect_failures = [var.bucket_prefix]

  variables { bucket_prefix = "sthree-pets" }
}

run "reserved_name_is_refused" {
  command         = plan
  expect_failures = [var.name]

  variables { name = "amzn-s3-demo-pets" }
}

run "invalid_source_bucket_name_is_refused" {
  command         = plan
  expect_failures = [var.source_bucket_name]

  variables { source_bucket_name = "acme.pets" }
}

run "reserved_source_bucket_name_is_refused" {
  command         = plan
  expect_failures = [var.source_bucket_name]

  variables { source_bucket_name = "acme-pets-s3alias" }
}

run "source_bucket_name_with_a_reserved_suffix_is_refused" {
  command         = plan
  expect_failures = [var.source_bucket_name]

  variables { source_bucket_name = "acme-pets-an" }
}

run "processed_bucket_name_with_a_reserved_suffix_is_refused" {
  command         = plan
  expect_failures = [var.processed_bucket_name]

  variables { processed_bucket_name = "acme-pets-an" }
}

run "invalid_processed_bucket_name_is_refused" {
  command         = plan
  expect_failures = [var.processed_bucket_name]

  variables { processed_bucket_name = "-acme" }
}

run "reserved_processed_bucket_name_is_refused" {
  command         = plan
  expect_failures = [var.processed_bucket_name]

  variables { processed_bucket_name = "xn--acme" }
}

run "key_by_its_alias_is_refused" {
  command         = plan
  expect_failures = [var.kms_key]

  variables { kms_key = { arn = "arn:aws:kms:eu-central-1:123456789012:alias/pets" } }
}

run "source_expiration_of_0_days_is_refused" {
  command         = plan
  expect_failures = [var.source_expiration_days]

  variables { source_expiration_days = 0 }
}

run "processed_expiration_of_0_days_is_refused" {
  command         = plan
  expect_failures = [var.processed_expiration_days]

  variables { processed_expiration_days = 0 }
}

run "aborting_uploads_after_0_days_is_refused" {
  command         = plan
  expect_failures = [var.abort_multipart_days]

  variables { abort_multipart_days = 0 }
}
