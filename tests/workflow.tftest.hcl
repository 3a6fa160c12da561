mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name               = "pets"
  type               = "express"
  max_concurrency    = 4
  function           = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:processor", timeout_seconds = 60, transient_errors = ["TransientFailure"] }
  source_bucket      = "source"
  trigger            = { prefix = "", suffixes = [], remove_deleted = false }
  failure_queue      = { arn = "arn:aws:sqs:eu-central-1:123456789012:failures", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/failures" }
  log_retention_days = 30
  xray               = false
  tags               = {}
}

run "workflow_is_off_by_default" {
  command = plan

  assert {
    condition     = length(module.workflow) == 0 && output.workflow_arn == null && !aws_s3_bucket_notification.source.eventbridge
    error_message = "S3 speaks to the function alone."
  }
}

run "workflow_takes_the_place_of_the_direct_trigger" {
  command = plan

  variables {
    workflow = {}
  }

  assert {
    condition     = aws_s3_bucket_notification.source.eventbridge && length(aws_s3_bucket_notification.source.lambda_function) == 0
    error_message = "S3 speaks to EventBridge alone."
  }

  assert {
    condition     = output.workflow_arn == "arn:aws:states:eu-central-1:123456789012:stateMachine:machine"
    error_message = "The state machine is an output."
  }
}

run "direct_trigger_stays_beside_it_by_request" {
  command = plan

  variables {
    workflow         = { direct_trigger = true }
    trigger_suffixes = [".jpg", ".JPG"]
  }

  assert {
    condition     = aws_s3_bucket_notification.source.eventbridge && [for filter in aws_s3_bucket_notification.source.lambda_function : filter.filter_suffix] == [".jpg", ".JPG"]
    error_message = "While it is being switched on or off, uploads go both ways."
  }
}

run "source_bucket_may_go_on_invoking_the_function" {
  command = plan

  variables {
    workflow = {}
  }

  assert {
    condition     = aws_lambda_permission.source.source_arn == "arn:aws:s3:::source"
    error_message = "S3 goes on for a while with what it was told before."
  }
}

run "service_and_function_say_what_may_mend" {
  command = plan

  assert {
    condition = toset(local.step.transient_errors) == toset([
      "TransientFailure", "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.ClientExecutionTimeoutException",
      "Lambda.TooManyRequestsException", "Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "States.Timeout",
    ])
    error_message = join(", ", local.step.transient_errors)
  }
}

run "settings_of_the_function_stay_as_they_are" {
  command = plan

  variables {
    workflow = {}
  }

  assert {
    condition     = length(aws_lambda_function.processor.environment[0].variables) == 11
    error_message = join(", ", keys(aws_lambda_function.processor.environment[0].variables))
  }
}

run "role_invokes_this_function_and_sends_to_this_queue" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = { for capability, statements in local.permissions : capability => statements if statements != null } == {
      invoke-function = [{ Action = ["lambda:InvokeFunction"], Effect = "Allow", Resource = var.function.arn }]
      send-failures   = [{ Action = ["sqs:SendMessage"], Effect = "Allow", Resource = var.failure_queue.arn }]
    }
    error_message = jsonencode(local.permissions)
  }
}

run "role_asks_the_review_only_if_there_is_one" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation:live", timeout_seconds = 30 }
  }

  assert {
    condition     = local.permissions.ask-review == [{ Action = ["lambda:InvokeFunction"], Effect = "Allow", Resource = var.review.function_arn }]
    error_message = jsonencode(local.permissions)
  }
}

run "type_that_there_is_not_is_refused" {
  command = plan

  variables {
    workflow = { type = "fast" }
  }

  expect_failures = [var.workflow]
}

run "review_by_its_name_is_refused" {
  command = plan

  variables {
    workflow = { review = { function_arn = "moderation" } }
  }

  expect_failures = [var.workflow]
}

run "review_of_no_time_is_refused" {
  command = plan

  variables {
    workflow = { review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation", timeout_seconds = 0 } }
  }

  expect_failures = [var.workflow]
}

run "review_longer_than_express_may_take_is_refused" {
  command = plan

  variables {
    workflow = { review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation", timeout_seconds = 31 } }
  }

  expect_failures = [var.workflow]
}

run "standard_waits_longer_for_a_review" {
  command = plan

  variables {
    workflow = { type = "standard", review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation", timeout_seconds = 900 } }
  }

  assert {
    condition     = length(module.workflow) == 1
    error_message = "Only express has to hurry."
  }
}

run "no_image_at_once_is_refused" {
  command = plan

  variables {
    workflow = { max_concurrency = 0 }
  }

  expect_failures = [var.workflow]
}

run "more_images_at_once_than_a_map_takes_is_refused" {
  command = plan

  variables {
    workflow = { max_concurrency = 41 }
  }

  expect_failures = [var.workflow]
}

run "way_around_the_review_is_refused" {
  command = plan

  variables {
    workflow = { direct_trigger = true, review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation" } }
  }

  expect_failures = [var.workflow]
}
