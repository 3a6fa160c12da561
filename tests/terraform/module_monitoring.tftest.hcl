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

run "one_composite_alarm_pages_and_lasting_alarms_page_separately" {
  command = plan

  module { source = "./modules/monitoring" }

  variables { emails = ["ops@example.com", "on-call@example.com"] }

  assert {
    condition     = aws_cloudwatch_composite_alarm.any[0].alarm_rule == join(" OR ", [for name in ["close-to-memory-limit", "close-to-timeout", "function-failing", "many-invocations", "many-rejected", "no-results", "recursion", "uploads-lost", "uploads-waiting-too-long"] : "ALARM(\"pets-${name}\")"])
    error_message = aws_cloudwatch_composite_alarm.any[0].alarm_rule
  }

  assert {
    condition     = [for name, alarm in aws_cloudwatch_metric_alarm.alarms : name if length(alarm.alarm_actions) > 0] == ["failed_uploads_expiring", "failed_uploads_waiting"]
    error_message = "No one must be notified twice."
  }

  assert {
    condition     = aws_cloudwatch_composite_alarm.any[0].alarm_actions == toset([aws_sns_topic.alarms[0].arn]) && aws_cloudwatch_composite_alarm.any[0].ok_actions == toset([aws_sns_topic.alarms[0].arn])
    error_message = "The composite alarm must notify the topic, also when it is OK again."
  }

  assert {
    condition     = toset(values(aws_sns_topic_subscription.emails)[*].endpoint) == toset(var.emails) && aws_sns_topic.alarms[0].kms_master_key_id == aws_kms_key.alarms[0].arn
    error_message = "Everyone is subscribed to a topic that is encrypted with a key of ours."
  }

  assert {
    condition     = [for statement in jsondecode(aws_kms_key.alarms[0].policy).Statement : statement.Action if try(statement.Principal.Service, "") == "cloudwatch.amazonaws.com"] == [["kms:Decrypt", "kms:GenerateDataKey"]]
    error_message = "Without these CloudWatch could not publish to the topic."
  }

  assert {
    condition     = jsondecode(aws_sns_topic_policy.alarms[0].policy).Statement[0].Condition == { StringEquals = { "aws:SourceAccount" = "123456789012" } }
    error_message = "Alarms of other accounts publish nothing."
  }
}

run "existing_topics_are_notified_without_a_new_topic" {
  command = plan

  module { source = "./modules/monitoring" }

  variables { topic_arns = ["arn:aws:sns:eu-central-1:123456789012:pager"] }

  assert {
    condition     = aws_cloudwatch_composite_alarm.any[0].alarm_actions == toset(var.topic_arns) && length(aws_sns_topic.alarms) == 0
    error_message = "The topic must be notified."
  }
}

run "alarms_are_overridden_and_disabled_individually" {
  command = plan

  module { source = "./modules/monitoring" }

  variables {
    topic_arns = ["arn:aws:sns:eu-central-1:123456789012:pager"]
    overrides = {
      many_rejected          = { enabled = true, threshold = 50 }
      many_invocations       = { enabled = true, threshold = 0 }
      close_to_timeout       = { enabled = false }
      failed_uploads_waiting = { enabled = true, in_composite = true }
      recursion              = { enabled = true, in_composite = false }
    }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.alarms["many_rejected"].threshold == 50 && aws_cloudwatch_metric_alarm.alarms["many_invocations"].threshold == 0
    error_message = "Thresholds are as given, also 0."
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.alarms), "close_to_timeout") && !strcontains(aws_cloudwatch_composite_alarm.any[0].alarm_rule, "close-to-timeout")
    error_message = "A disabled alarm must not exist, nor be in the composite alarm."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_composite_alarm.any[0].alarm_rule, "failed-uploads-waiting") && !strcontains(aws_cloudwatch_composite_alarm.any[0].alarm_rule, "recursion")
    error_message = aws_cloudwatch_composite_alarm.any[0].alarm_rule
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.alarms["failed_uploads_waiting"].alarm_actions) == 0 && length(aws_cloudwatch_metric_alarm.alarms["recursion"].alarm_actions) == 1
    error_message = "Alarms outside the composite alarm must notify the topics themselves."
  }
}

run "dashboard_without_alarms_has_no_widget_for_them" {
  command = plan

  module { source = "./modules/monitoring" }

  variables {
    overrides = { for name in [
      "failed_uploads_waiting", "failed_uploads_expiring", "uploads_lost", "uploads_waiting_too_long", "function_failing", "many_rejected",
      "close_to_timeout", "close_to_memory_limit", "many_invocations", "recursion", "no_results",
    ] : name => { enabled = false } }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.alarms) + length(aws_cloudwatch_composite_alarm.any) == 0
    error_message = join(", ", keys(aws_cloudwatch_metric_alarm.alarms))
  }

  assert {
    condition     = !contains(jsondecode(aws_cloudwatch_dashboard.pipeline.dashboard_body).widgets[*].type, "alarm")
    error_message = aws_cloudwatch_dashboard.pipeline.dashboard_body
  }
}

run "thresholds_derive_from_the_settings" {
  command = plan

  module { source = "./modules/monitoring" }

  variables {
    max_invocations_per_hour = 500
    function = {
      name                  = "pets"
      arn                   = "arn:aws:lambda:eu-central-1:123456789012:function:pets"
      log_group             = "/aws/lambda/pets"
      architecture          = "x86_64"
      memory_mb             = 3000
      timeout_seconds       = 100
      max_event_age_seconds = 600
    }
  }

  assert {
    condition = { for name in ["close_to_timeout", "close_to_memory_limit", "uploads_waiting_too_long", "many_invocations"] : name => aws_cloudwatch_metric_alarm.alarms[name].threshold } == {
      close_to_timeout = 80000, close_to_memory_limit = 2700, uploads_waiting_too_long = 300000, many_invocations = 500
    }
    error_message = "Thresholds are in the units of the metrics."
  }
}

run "budget_notifies_addresses_and_one_topic_and_is_limited_to_a_tag" {
  command = plan

  module { source = "./modules/monitoring" }

  variables {
    emails         = ["ops@example.com"]
    topic_arns     = ["arn:aws:sns:eu-central-1:123456789012:pager", "arn:aws:sns:eu-central-1:123456789012:chat"]
    monthly_budget = { dollars = 25, tag = { key = "team", value = "photos" } }
  }

  assert {
    condition     = aws_budgets_budget.monthly[0].limit_amount == "25" && one(aws_budgets_budget.monthly[0].cost_filter).values[0] == "user:team$photos"
    error_message = jsonencode(aws_budgets_budget.monthly[0].cost_filter)
  }

  assert {
    condition     = alltrue([for notification in aws_budgets_budget.monthly[0].notification : notification.subscriber_email_addresses == toset(var.emails) && notification.subscriber_sns_topic_arns == toset(["arn:aws:sns:eu-central-1:123456789012:pager"])])
    error_message = jsonencode(aws_budgets_budget.monthly[0].notification)
  }
}
