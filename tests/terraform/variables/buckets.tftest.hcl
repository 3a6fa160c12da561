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

run "source_name_that_ends_as_s3_reserves_is_refused" {
  command = plan

  variables {
    source_bucket_name = "acme-pets-an"
  }

  expect_failures = [var.source_bucket_name]
}

run "processed_name_that_ends_as_s3_reserves_is_refused" {
  command = plan

  variables {
    processed_bucket_name = "acme-pets-an"
  }

  expect_failures = [var.processed_bucket_name]
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

run "processed_expiry_of_no_days_is_refused" {
  command = plan

  variables {
    processed_expiration_days = 0
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
