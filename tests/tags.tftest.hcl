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
      aws_sqs_queue.failures.tags,
      aws_cloudwatch_log_group.processor.tags,
      aws_iam_role.processor.tags,
      aws_lambda_function.processor.tags,
    ] : tags == tomap({ team = "pets" })])
    error_message = "Every resource that takes tags has var.tags."
  }
}

run "buckets_have_them" {
  command = plan

  module { source = "./modules/bucket" }

  variables {
    name                 = "pets"
    force_destroy        = false
    abort_multipart_days = 7
    tags                 = { team = "pets" }
  }

  assert {
    condition     = aws_s3_bucket.pictures.tags == tomap({ team = "pets" })
    error_message = "The bucket has var.tags."
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

run "everything_of_the_workflow_has_them" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    name               = "pets"
    type               = "express"
    max_concurrency    = 1
    function           = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:processor", timeout_seconds = 60, transient_errors = ["TransientFailure"] }
    source_bucket      = "source"
    trigger            = { prefix = "", suffixes = [], remove_deleted = false }
    failure_queue      = { arn = "arn:aws:sqs:eu-central-1:123456789012:failures", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/failures" }
    log_retention_days = 1
    xray               = false
    tags               = { team = "pets" }
  }

  assert {
    condition = alltrue([for tags in [
      aws_cloudwatch_event_rule.uploads.tags,
      aws_iam_role.uploads.tags,
    ] : tags == tomap({ team = "pets" })])
    error_message = "Every resource that takes tags has var.tags."
  }
}

run "everything_of_a_state_machine_has_them" {
  command = plan

  module { source = "./modules/state_machine" }

  variables {
    name               = "pets"
    type               = "STANDARD"
    definition         = "{}"
    permissions        = {}
    log_retention_days = 1
    xray               = false
    tags               = { team = "pets" }
  }

  assert {
    condition = alltrue([for tags in [
      aws_sfn_state_machine.machine.tags,
      aws_cloudwatch_log_group.machine.tags,
      aws_iam_role.machine.tags,
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
