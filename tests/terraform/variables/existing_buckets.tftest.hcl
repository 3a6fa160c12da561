run "invalid_existing_source_bucket_is_refused" {
  command         = plan
  expect_failures = [var.existing_source_bucket]

  variables { existing_source_bucket = "arn:aws:s3:::photos" }
}

run "invalid_existing_processed_bucket_is_refused" {
  command         = plan
  expect_failures = [var.existing_processed_bucket]

  variables { existing_processed_bucket = "s3://photos" }
}

run "existing_source_bucket_with_a_leading_hyphen_is_refused" {
  command         = plan
  expect_failures = [var.existing_source_bucket]

  variables { existing_source_bucket = "-photos" }
}

run "source_bucket_name_of_an_existing_source_bucket_is_refused" {
  command         = plan
  expect_failures = [var.existing_source_bucket]

  variables {
    existing_source_bucket = "photos"
    source_bucket_name     = "acme"
  }
}

run "source_expiration_days_of_an_existing_source_bucket_is_refused" {
  command         = plan
  expect_failures = [var.existing_source_bucket]

  variables {
    existing_source_bucket = "photos"
    source_expiration_days = 30
  }
}

run "source_noncurrent_days_of_an_existing_source_bucket_is_refused" {
  command         = plan
  expect_failures = [var.existing_source_bucket]

  variables {
    existing_source_bucket = "photos"
    source_noncurrent_days = null
  }
}

run "processed_bucket_name_of_an_existing_processed_bucket_is_refused" {
  command         = plan
  expect_failures = [var.existing_processed_bucket]

  variables {
    existing_processed_bucket = "web.images"
    processed_bucket_name     = "acme"
  }
}

run "processed_expiration_days_of_an_existing_processed_bucket_is_refused" {
  command         = plan
  expect_failures = [var.existing_processed_bucket]

  variables {
    existing_processed_bucket = "web.images"
    processed_expiration_days = 30
  }
}

run "bucket_prefix_without_a_bucket_to_create_is_refused" {
  command         = plan
  expect_failures = [var.existing_processed_bucket]

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "web.images"
    bucket_prefix             = "acme"
  }
}

run "bucket_prefix_counts_for_the_bucket_that_is_created" {
  command = plan

  variables {
    existing_source_bucket = "photos"
    bucket_prefix          = "acme"
  }
}

run "force_destroy_without_a_bucket_to_create_is_refused" {
  command         = plan
  expect_failures = [var.existing_processed_bucket]

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "web.images"
    force_destroy             = true
  }
}

run "force_destroy_counts_for_the_bucket_that_is_created" {
  command = plan

  variables {
    existing_source_bucket = "photos"
    force_destroy          = true
  }
}

run "abort_multipart_days_without_a_bucket_to_create_is_refused" {
  command         = plan
  expect_failures = [var.existing_processed_bucket]

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "web.images"
    abort_multipart_days      = 3
  }
}

run "abort_multipart_days_counts_for_the_bucket_that_is_created" {
  command = plan

  variables {
    existing_source_bucket = "photos"
    abort_multipart_days   = 3
  }
}

run "settings_of_the_other_bucket_are_accepted" {
  command = plan

  variables {
    existing_source_bucket    = "photos"
    processed_expiration_days = 30
  }
}

run "notification_of_an_existing_bucket_is_refused" {
  command         = plan
  expect_failures = [var.trigger]

  variables {
    existing_source_bucket = "photos"
    trigger                = "notification"
  }
}

run "unknown_trigger_is_refused" {
  command         = plan
  expect_failures = [var.trigger]

  variables { trigger = "sqs" }
}

run "upload_api_with_a_dot_in_the_name_of_a_bucket_is_refused" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    existing_processed_bucket = "web.images"
    metadata                  = {}
    upload_api                = {}
  }
}

run "days_until_retired_images_are_deleted_from_an_existing_bucket_are_refused" {
  command         = plan
  expect_failures = [var.existing_processed_bucket]

  variables {
    existing_processed_bucket = "images"
    manifest                  = { grace_days = 3 }
  }
}
