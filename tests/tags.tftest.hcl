mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "everything_that_takes_tags_has_them" {
  command = plan

  variables {
    tags = { team = "pets" }
  }

  assert {
    condition = alltrue([for tags in [
      aws_s3_bucket.source.tags,
      aws_s3_bucket.processed.tags,
      aws_sqs_queue.failures.tags,
      aws_cloudwatch_log_group.processor.tags,
      aws_iam_role.processor.tags,
      aws_lambda_function.processor.tags,
    ] : tags == tomap({ team = "pets" })])
    error_message = "Every resource that takes tags has var.tags."
  }
}

run "reserved_tag_is_refused" {
  command = plan

  variables {
    tags = { "AWS:team" = "pets" }
  }

  expect_failures = [var.tags]
}
