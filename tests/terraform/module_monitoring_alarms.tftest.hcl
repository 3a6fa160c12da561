mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

variables {
  name = "pets"
  function = {
    name                  = "pets"
    arn                   = "arn:aws:lambda:eu-central-1:123456789012:function:pets"
    log_group             = "/aws/lambda/pets"
    architecture          = "arm64"
    memory_mb             = 1769
    timeout_seconds       = 60
    max_event_age_seconds = 21600
  }
  failure_queue            = "pets-failures"
  emails                   = []
  topic_arns               = []
  max_invocations_per_hour = 10000
  overrides                = {}
  tags                     = {}
}

run "every_part_is_watched" {
  command = plan

  module { source = "./modules/monitoring" }

  variables {
    workflow   = { state_machine_arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:pets-workflow-express", review_seconds = 0 }
    rule       = { name = "pets-uploads" }
    backfill   = { state_machine_arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:pets-backfill" }
    table      = { name = "pets-records", operations = ["GetItem", "PutItem", "Query"] }
    upload_api = { id = "a1b2c3d4e5", log_group = "/aws/vendedlogs/apigateway/pets" }
  }

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.alarms)) == toset([
      "failed_uploads_waiting", "failed_uploads_expiring", "uploads_lost", "uploads_waiting_too_long", "function_failing", "many_rejected",
      "close_to_timeout", "close_to_memory_limit", "many_invocations", "recursion", "no_results",
      "workflow_failing", "uploads_not_delivered", "backfill_failing", "table_throttled", "upload_api_failing",
    ])
    error_message = join(", ", keys(aws_cloudwatch_metric_alarm.alarms))
  }

  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.alarms : can(regex("^[A-Z][^\n]+\\.\nRun: (make|aws) [^\n]+\nThen see docs/operations.md#${replace(name, "_", "-")}$", alarm.alarm_description))])
    error_message = "Every description is a sentence, a command and an anchor: ${join("; ", values(aws_cloudwatch_metric_alarm.alarms)[*].alarm_description)}"
  }

  assert {
    # The limit of CloudWatch.
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.alarms : length(alarm.alarm_description) <= 1024])
    error_message = "A description is too long."
  }

  assert {
    condition     = length(aws_sns_topic.alarms) + length(aws_kms_key.alarms) + length(aws_budgets_budget.monthly) == 0
    error_message = "Without addresses there is no topic and no key to pay for, and without a budget none."
  }
}

run "parts_that_are_off_have_no_alarms" {
  command = plan

  module { source = "./modules/monitoring" }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.alarms) == 11 && !anytrue([for name in keys(aws_cloudwatch_metric_alarm.alarms) : can(regex("workflow|not_delivered|backfill|table|upload_api", name))])
    error_message = join(", ", keys(aws_cloudwatch_metric_alarm.alarms))
  }
}

run "windows_follow_the_timeout" {
  command = plan

  module { source = "./modules/monitoring" }

  variables {
    function = {
      name                  = "pets"
      arn                   = "arn:aws:lambda:eu-central-1:123456789012:function:pets"
      log_group             = "/aws/lambda/pets"
      architecture          = "arm64"
      memory_mb             = 1769
      timeout_seconds       = 900
      max_event_age_seconds = 21600
    }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.alarms["function_failing"].evaluation_periods == 20 && aws_cloudwatch_metric_alarm.alarms["no_results"].datapoints_to_alarm == 24
    error_message = "An error arrives up to 15 minutes after its timestamp."
  }
}
