mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

run "parts_are_off_by_default" {
  command = plan

  assert {
    condition     = length(module.backfill) == 0 && output.backfill == null
    error_message = "Without backfill there is none."
  }

  assert {
    condition     = length(module.metadata) + length(module.events) == 0
    error_message = "Without metadata and events there is no table, and no permission of theirs."
  }

  assert {
    condition     = !anytrue([for name in ["METADATA", "COMPLETION_BUS", "UPLOAD_API"] : contains(keys(aws_lambda_function.processor.environment[0].variables), name)])
    error_message = "Parts that are off must not be in the function's environment."
  }

  assert {
    condition     = length(module.upload_api) == 0 && output.upload_api_endpoint == null
    error_message = "Without upload_api there is none, and no permission to write to the source bucket."
  }

  assert {
    condition     = length(module.workflow) == 0 && output.workflow_arn == null && !aws_s3_bucket_notification.source[0].eventbridge
    error_message = "S3 must notify only the function."
  }

  assert {
    condition     = length(module.monitoring) == 0 && output.dashboard_url == null && output.alarm_arn == null && output.alarm_topic_arn == null
    error_message = "Without monitoring there is no alarm and no dashboard."
  }

  assert {
    condition = toset(local.step.transient_errors) == toset([
      "TransientFailure", "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.ClientExecutionTimeoutException",
      "Lambda.TooManyRequestsException", "Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory", "States.Timeout",
    ])
    error_message = join(", ", local.step.transient_errors)
  }
}

run "backfill_is_on_with_an_empty_object" {
  command = plan

  variables { backfill = {} }

  assert {
    condition = jsonencode(output.backfill) == jsonencode({
      architecture                 = "arm64"
      attempts                     = 3
      batch_size                   = 10
      failure_queue_url            = aws_sqs_queue.failures.id
      function_name                = aws_lambda_function.processor.function_name
      inventory_bucket             = null
      max_concurrency              = 5
      memory_mb                    = 1769
      prefix                       = ""
      processed_bucket             = output.processed_bucket
      results_prefix               = ".pipeline/backfill/"
      source_bucket                = output.source_bucket
      state_machine_arn            = "arn:aws:states:eu-central-1:123456789012:stateMachine:machine"
      suffixes                     = []
      timeout_seconds              = 60
      tolerated_failure_percentage = 5
      variants                     = 1
    })
    error_message = jsonencode(output.backfill)
  }
}

run "backfill_concurrency_below_the_reserved_one_is_accepted" {
  command = plan

  variables {
    backfill             = { max_concurrency = 5 }
    reserved_concurrency = 6
  }

  assert {
    condition     = length(module.backfill) == 1
    error_message = "Live uploads keep one of six."
  }
}

run "metadata_is_on_with_an_empty_object" {
  command = plan

  variables { metadata = {} }

  assert {
    condition     = output.metadata_table == "image-pipeline-records"
    error_message = "got ${jsonencode(output.metadata_table)}"
  }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables.METADATA) == { table = "image-pipeline-records" }
    error_message = "The function learns the name of the table."
  }

  assert {
    condition     = length(module.events) == 0
    error_message = "Metadata is possible without events."
  }

  assert {
    condition     = var.metadata.deletion_protection
    error_message = "Without metadata, the next apply would delete the table and all its records."
  }
}

run "events_are_possible_without_metadata" {
  command = plan

  variables { events = { bus_name = "photos" } }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.COMPLETION_BUS == "photos" && length(module.metadata) == 0
    error_message = "The function learns the name of the bus."
  }
}

run "metadata_and_events_and_upload_api_can_be_combined" {
  command = plan

  variables {
    metadata   = {}
    events     = {}
    upload_api = {}
  }

  assert {
    condition     = length(setsubtract(["METADATA", "COMPLETION_BUS", "UPLOAD_API"], keys(aws_lambda_function.processor.environment[0].variables))) == 0
    error_message = "All three are on."
  }
}

run "records_have_the_given_expiration" {
  command = plan

  variables { metadata = { expiration_days = 30 } }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables.METADATA).days_kept == 30
    error_message = "The function learns how long records are kept."
  }
}

run "upload_api_is_on_with_an_empty_object" {
  command = plan

  variables {
    metadata   = {}
    upload_api = {}
  }

  assert {
    condition     = output.upload_api_endpoint == "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
    error_message = "The address is an output."
  }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables.UPLOAD_API) == { access = "operator", bucket = output.source_bucket, form_seconds = 300, link_seconds = 3600 }
    error_message = aws_lambda_function.processor.environment[0].variables.UPLOAD_API
  }
}

run "public_sees_only_public_uploads" {
  command = plan

  variables {
    metadata   = {}
    upload_api = { public = true }
  }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables.UPLOAD_API).access == "public"
    error_message = aws_lambda_function.processor.environment[0].variables.UPLOAD_API
  }
}

run "subjects_see_only_their_own" {
  command = plan

  variables {
    metadata   = {}
    upload_api = { jwt = { issuer = "https://id.example.com", audience = ["photos"] } }
  }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables.UPLOAD_API).access == "subject"
    error_message = aws_lambda_function.processor.environment[0].variables.UPLOAD_API
  }
}

run "workflow_replaces_the_direct_trigger" {
  command = plan

  variables { workflow = {} }

  assert {
    condition     = aws_s3_bucket_notification.source[0].eventbridge && length(aws_s3_bucket_notification.source[0].lambda_function) == 0
    error_message = "S3 must notify only EventBridge."
  }

  assert {
    condition     = output.workflow_arn == "arn:aws:states:eu-central-1:123456789012:stateMachine:machine"
    error_message = "The state machine is an output."
  }

  assert {
    condition     = aws_lambda_permission.source[0].source_arn == "arn:aws:s3:::source"
    error_message = "S3 keeps using an old notification for a while."
  }

  assert {
    condition     = !can(aws_lambda_function.processor.environment[0].variables.MUST_BE_REVIEWED)
    error_message = join(", ", keys(aws_lambda_function.processor.environment[0].variables))
  }
}

run "direct_trigger_stays_by_request" {
  command = plan

  variables {
    workflow         = { direct_trigger = true }
    trigger_suffixes = [".jpg", ".JPG"]
  }

  assert {
    condition     = aws_s3_bucket_notification.source[0].eventbridge && [for filter in aws_s3_bucket_notification.source[0].lambda_function : filter.filter_suffix] == [".jpg", ".JPG"]
    error_message = "While the workflow is switched, both triggers must be on."
  }
}

run "function_publishes_nothing_without_a_review" {
  command = plan

  variables {
    workflow = { review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation" } }
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.MUST_BE_REVIEWED == "true"
    error_message = join(", ", keys(aws_lambda_function.processor.environment[0].variables))
  }
}

run "standard_waits_longer_for_a_review" {
  command = plan

  variables {
    workflow = { type = "standard", review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation", timeout_seconds = 900 } }
  }

  assert {
    condition     = length(module.workflow) == 1
    error_message = "Only express must have a deadline."
  }
}

run "monitoring_is_on_with_an_empty_object" {
  command = plan

  variables { monitoring = {} }

  assert {
    condition     = output.dashboard_url == "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#dashboards/dashboard/image-pipeline" && output.alarm_arn != null && output.alarm_topic_arn == null
    error_message = jsonencode(output.dashboard_url)
  }

  assert {
    # The namespace and the dimension of the metrics that the alarms watch.
    condition     = aws_lambda_function.processor.environment[0].variables.POWERTOOLS_METRICS_NAMESPACE == "ImagePipeline" && aws_lambda_function.processor.environment[0].variables.POWERTOOLS_SERVICE_NAME == aws_iam_role.processor.name
    error_message = "The alarms would watch metrics that do not exist."
  }
}

run "monitoring_watches_every_part_that_is_on" {
  command = plan

  variables {
    metadata   = {}
    upload_api = {}
    workflow   = {}
    backfill   = {}
    tags       = { team = "photos" }
    monitoring = {
      emails         = ["ops@example.com"]
      monthly_budget = 25
      budget_tag     = "team"
      alarms         = { workflow_failing = { enabled = false }, table_throttled = { threshold = 5 } }
    }
  }

  assert {
    condition     = output.alarm_topic_arn == "arn:aws:sns:eu-central-1:123456789012:pets-alarms"
    error_message = jsonencode(output.alarm_topic_arn)
  }
}
