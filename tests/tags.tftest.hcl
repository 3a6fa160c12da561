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

run "the_table_of_records_has_them" {
  command = plan

  module { source = "./modules/metadata" }

  variables {
    name                = "records"
    role_name           = "processor"
    deletion_protection = false
    tags                = { team = "pets" }
  }

  assert {
    condition     = aws_dynamodb_table.records.tags == tomap({ team = "pets" })
    error_message = "The table has var.tags."
  }
}

run "everything_of_the_upload_api_has_them" {
  command = plan

  module { source = "./modules/upload_api" }

  variables {
    name                = "uploads"
    role_name           = "processor"
    function_name       = "processor"
    function_arn        = "arn:aws:lambda:eu-central-1:123456789012:function:processor"
    source_bucket       = { name = "source", arn = "arn:aws:s3:::source" }
    public              = false
    allowed_origins     = []
    requests_per_second = 1
    burst               = 1
    log_retention_days  = 1
    tags                = { team = "pets" }
  }

  assert {
    condition = alltrue([for tags in [
      aws_apigatewayv2_api.uploads.tags,
      aws_apigatewayv2_stage.uploads.tags,
      aws_cloudwatch_log_group.access.tags,
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
