mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "every_object_made_triggers" {
  command = plan

  assert {
    condition     = [for filter in aws_s3_bucket_notification.source.lambda_function : [one(filter.events), filter.filter_prefix, filter.filter_suffix]] == [["s3:ObjectCreated:*", "", ""]]
    error_message = "Multipart uploads and copies are uploads too."
  }
}

run "removals_trigger_only_when_they_are_to" {
  command = plan

  variables {
    remove_deleted = true
  }

  assert {
    condition     = one([for filter in aws_s3_bucket_notification.source.lambda_function : filter.events]) == toset(["s3:ObjectCreated:*", "s3:ObjectRemoved:*"])
    error_message = jsonencode(aws_s3_bucket_notification.source.lambda_function)
  }
}

run "prefix_and_each_suffix_make_a_filter" {
  command = plan

  variables {
    trigger_prefix   = "photos/"
    trigger_suffixes = [".jpg", ".JPG"]
  }

  assert {
    condition     = [for filter in aws_s3_bucket_notification.source.lambda_function : "${filter.filter_prefix}*${filter.filter_suffix}"] == ["photos/*.jpg", "photos/*.JPG"]
    error_message = jsonencode(aws_s3_bucket_notification.source.lambda_function)
  }
}

run "wildcard_in_the_prefix_is_refused" {
  command = plan

  variables {
    trigger_prefix = "photos/*"
  }

  expect_failures = [var.trigger_prefix]
}

run "wildcard_in_a_suffix_is_refused" {
  command = plan

  variables {
    trigger_suffixes = ["*.jpg"]
  }

  expect_failures = [var.trigger_suffixes]
}

run "empty_suffix_is_refused" {
  command = plan

  variables {
    trigger_suffixes = [""]
  }

  expect_failures = [var.trigger_suffixes]
}

run "null_as_a_suffix_is_refused" {
  command = plan

  variables {
    trigger_suffixes = [null]
  }

  expect_failures = [var.trigger_suffixes]
}

run "suffix_that_ends_in_another_is_refused" {
  command = plan

  variables {
    trigger_suffixes = [".jpg", "-large.jpg"]
  }

  expect_failures = [var.trigger_suffixes]
}

run "suffix_given_twice_is_refused" {
  command = plan

  variables {
    trigger_suffixes = [".jpg", ".jpg"]
  }

  expect_failures = [var.trigger_suffixes]
}
