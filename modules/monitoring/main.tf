terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# The alarms, by name. Each has a sentence for the person who is paged and the command to run first; docs/operations.md has
# a heading of the same name. All are breached above their threshold.
#
# CloudWatch looks only at the last periods, and a metric exists only in minutes with traffic. Lambda stamps a value with the
# start of the invocation and sends it at the end. So alarms on single events look back for longer than an invocation may
# take, plus five minutes until the value has arrived.

locals {
  region    = split(":", var.function.arn)[3]
  partition = split(":", var.function.arn)[1]

  invocation_minutes = ceil(var.function.timeout_seconds / 60) + 5
  # From the arrival of an upload until its outcome is sure to be known.
  outcome_minutes = ceil((var.function.timeout_seconds + sum([0, try(var.workflow.review_seconds, 0)])) / 60) + 9

  by_function = { FunctionName = var.function.name }
  by_service  = { service = var.name }
  by_queue    = { QueueName = var.failure_queue }

  outcomes_metric = { namespace = "ImagePipeline", name = "Duration", dimensions = local.by_service, stat = "SampleCount" }
  memory_metric   = { namespace = "ImagePipeline/${var.name}", name = "MaxMemoryUsed", dimensions = {}, stat = "Maximum" }

  # Version 1 of the AWS CLI has no `aws logs tail`.
  last_hour    = "--start-time $(($(date +%s) - 3600))000"
  logs_command = "aws logs filter-log-events --log-group-name ${var.function.log_group} ${local.last_hour}"
  log_group_of = { for part, arn in { workflow = try(var.workflow.state_machine_arn, ""), backfill = try(var.backfill.state_machine_arn, "") } : part => "/aws/vendedlogs/states/${reverse(split(":", arn))[0]}" }

  every_alarm = merge(
    {
      # While the queue is idle it has no metrics, so the last state holds until it has some.
      failed_uploads_waiting = {
        sentence = "Uploads that failed or were rejected are waiting on the failure queue."
        command  = "make redrive DRY_RUN=1"
        metrics  = { waiting = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", dimensions = local.by_queue, stat = "Maximum" } }
        period   = 60, datapoints = 1, periods = 1, threshold = 0, missing = "ignore"
      }
      # An empty queue has no oldest message.
      failed_uploads_expiring = {
        sentence = "A failed upload has been on the failure queue for 10 days; the queue deletes it after 14."
        command  = "make redrive"
        metrics  = { age = { namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage", dimensions = local.by_queue, stat = "Maximum" } }
        period   = 3600, datapoints = 1, periods = 1, threshold = 10 * 24 * 60 * 60
      }
      # AsyncEventsDropped also counts events that reached the failure queue.
      uploads_lost = {
        sentence = "Lambda gave up on an upload and could not send it to the failure queue, so it is not reported anywhere else."
        command  = "aws lambda get-function-event-invoke-config --function-name ${var.function.name}"
        metrics  = { undelivered = { namespace = "AWS/Lambda", name = "DestinationDeliveryFailures", dimensions = local.by_function, stat = "Sum" } }
        period   = 60, datapoints = 1, periods = 6, threshold = 0
      }
      # Lambda waits up to five minutes between two attempts, and only an attempt emits the age.
      uploads_waiting_too_long = {
        sentence  = "Uploads have waited for half of the ${var.function.max_event_age_seconds} seconds after which Lambda gives up on them."
        command   = "aws lambda get-function-concurrency --function-name ${var.function.name}"
        metrics   = { age = { namespace = "AWS/Lambda", name = "AsyncEventAge", dimensions = local.by_function, stat = "Maximum" } }
        period    = 300, datapoints = 3, periods = 3
        threshold = var.function.max_event_age_seconds * 1000 / 2
      }
      # Whatever the function counts as Failed, it also raises, so that Lambda counts it, too.
      function_failing = {
        sentence = "The function fails: it raised an error, timed out or was killed."
        command  = "make logs"
        metrics  = { errors = { namespace = "AWS/Lambda", name = "Errors", dimensions = local.by_function, stat = "Sum" } }
        period   = 60, datapoints = 1, periods = local.invocation_minutes, threshold = 0
      }
      many_rejected = {
        sentence = "More than a fifth of the uploads of the last 15 minutes, and at least five, were rejected."
        command  = "make redrive DRY_RUN=1"
        metrics = {
          rejected  = { namespace = "ImagePipeline", name = "Rejected", dimensions = local.by_service, stat = "Sum" }
          published = { namespace = "ImagePipeline", name = "Published", dimensions = local.by_service, stat = "Sum" }
        }
        expression = "IF(rejected >= 5, 100 * rejected / (rejected + FILL(published, 0)), 0)"
        period     = 900, datapoints = 1, periods = 1, threshold = 20
      }
      close_to_timeout = {
        sentence  = "An invocation took more than 80 percent of the timeout of ${var.function.timeout_seconds} seconds."
        command   = "${local.logs_command} --filter-pattern '{ $.record.metrics.durationMs > ${var.function.timeout_seconds * 800} }'"
        metrics   = { duration = { namespace = "AWS/Lambda", name = "Duration", dimensions = local.by_function, stat = "Maximum" } }
        period    = 60, datapoints = 1, periods = local.invocation_minutes
        threshold = var.function.timeout_seconds * 800
      }
      close_to_memory_limit = {
        sentence  = "The function used more than 90 percent of its ${var.function.memory_mb} MB of memory."
        command   = "${local.logs_command} --filter-pattern '{ $.record.metrics.maxMemoryUsedMB > ${floor(var.function.memory_mb * 0.9)} }'"
        metrics   = { memory = local.memory_metric }
        period    = 60, datapoints = 1, periods = local.invocation_minutes
        threshold = var.function.memory_mb * 0.9
      }
      many_invocations = {
        sentence  = "The function was invoked more than ${var.max_invocations_per_hour} times within an hour."
        command   = "make logs SINCE=5m"
        metrics   = { invocations = { namespace = "AWS/Lambda", name = "Invocations", dimensions = local.by_function, stat = "Sum" } }
        period    = 3600, datapoints = 1, periods = 1
        threshold = var.max_invocations_per_hour
      }
      recursion = {
        sentence = "Lambda stopped the function because it invokes itself: something writes processed images where they trigger it."
        command  = "aws lambda get-policy --function-name ${var.function.name}"
        metrics  = { dropped = { namespace = "AWS/Lambda", name = "RecursiveInvocationsDropped", dimensions = local.by_function, stat = "Sum" } }
        period   = 60, datapoints = 1, periods = 6, threshold = 0
      }
      # A value is 1 in every minute since the first upload of the range if there was no outcome since the range began. A
      # single upload is remembered by its running sum; that CloudWatch may begin earlier only delays the alarm. If the
      # function reports nothing at all, the missing value counts as 0, because a time series is compared with another.
      no_results = {
        sentence = "Uploads arrive, but for ${local.outcome_minutes} minutes there was no image, no rejection and no failure."
        command  = "make logs"
        metrics = merge(
          {
            outcomes = local.outcomes_metric
            received = { namespace = "AWS/Lambda", name = "AsyncEventsReceived", dimensions = local.by_function, stat = "Sum" }
          },
          { for workflow in var.workflow[*] : "started" => { namespace = "AWS/States", name = "ExecutionsStarted", dimensions = { StateMachineArn = workflow.state_machine_arn }, stat = "Sum" } },
        )
        expression = "(RUNNING_SUM(FILL(received, 0)${var.workflow == null ? "" : " + FILL(started, 0)"}) > 0) > RUNNING_SUM(FILL(outcomes, 0))"
        period     = 60, datapoints = local.outcome_minutes, periods = local.outcome_minutes + 5, threshold = 0
      }
    },
    {
      for workflow in var.workflow[*] : "workflow_failing" => {
        sentence = "Executions of the workflow fail or time out."
        command  = "aws logs filter-log-events --log-group-name ${local.log_group_of.workflow} ${local.last_hour}"
        metrics = {
          for id, name in { failed = "ExecutionsFailed", timed_out = "ExecutionsTimedOut" } :
          id => { namespace = "AWS/States", name = name, dimensions = { StateMachineArn = workflow.state_machine_arn }, stat = "Sum" }
        }
        expression = "failed + timed_out"
        period     = 60, datapoints = 1, periods = 6, threshold = 0
      }
    },
    {
      for rule in var.rule[*] : "uploads_not_delivered" => {
        sentence = "EventBridge cannot deliver uploads to the function or the workflow."
        command  = "aws events list-targets-by-rule --rule ${rule.name}"
        metrics = {
          for id, name in { failed = "FailedInvocations", lost = "InvocationsFailedToBeSentToDlq" } :
          id => { namespace = "AWS/Events", name = name, dimensions = { RuleName = rule.name }, stat = "Sum" }
        }
        expression = "failed + lost"
        period     = 60, datapoints = 1, periods = 6, threshold = 0
      }
    },
    {
      for backfill in var.backfill[*] : "backfill_failing" => {
        sentence = "A backfill failed or timed out."
        command  = "aws stepfunctions list-executions --state-machine-arn ${backfill.state_machine_arn}"
        metrics = {
          for id, name in { failed = "ExecutionsFailed", timed_out = "ExecutionsTimedOut" } :
          id => { namespace = "AWS/States", name = name, dimensions = { StateMachineArn = backfill.state_machine_arn }, stat = "Sum" }
        }
        expression = "failed + timed_out"
        period     = 60, datapoints = 1, periods = 6, threshold = 0
      }
    },
    {
      for table in var.table[*] : "table_throttled" => {
        sentence = "DynamoDB throttles the table of records, so uploads are retried."
        command  = "aws dynamodb describe-table --table-name ${table.name}"
        metrics = {
          for operation in table.operations :
          lower(operation) => { namespace = "AWS/DynamoDB", name = "ThrottledRequests", dimensions = { TableName = table.name, Operation = operation }, stat = "Sum" }
        }
        expression = join(" + ", [for operation in table.operations : lower(operation)])
        period     = 60, datapoints = 1, periods = 6, threshold = 0
      }
    },
    {
      for api in var.upload_api[*] : "upload_api_failing" => {
        sentence = "The upload API answers with a server error."
        command  = "aws logs filter-log-events --log-group-name ${api.log_group} ${local.last_hour} --filter-pattern '{ $.status = \"5*\" }'"
        metrics  = { errors = { namespace = "AWS/ApiGateway", name = "5xx", dimensions = { ApiId = api.id }, stat = "Sum" } }
        period   = 60, datapoints = 1, periods = 6, threshold = 0
      }
    },
  )

  alarms = { for name, alarm in local.every_alarm : name => alarm if try(var.overrides[name].enabled, true) }

  # Messages may stay on the failure queue for days, which would keep the composite alarm from paging for anything else.
  notify_by_themselves = toset([
    for name in keys(local.alarms) : name if !coalesce(try(var.overrides[name].in_composite, null), !startswith(name, "failed_uploads_"))
  ])
}

resource "aws_cloudwatch_metric_alarm" "alarms" {
  for_each = local.alarms

  alarm_name        = "${var.name}-${replace(each.key, "_", "-")}"
  alarm_description = "${each.value.sentence}\nRun: ${each.value.command}\nThen see docs/operations.md#${replace(each.key, "_", "-")}"
  tags              = var.tags

  comparison_operator = "GreaterThanThreshold"
  threshold           = coalesce(try(var.overrides[each.key].threshold, null), each.value.threshold)
  datapoints_to_alarm = each.value.datapoints
  evaluation_periods  = each.value.periods
  treat_missing_data  = try(each.value.missing, "notBreaching")

  alarm_actions = contains(local.notify_by_themselves, each.key) ? local.topic_arns : []
  ok_actions    = contains(local.notify_by_themselves, each.key) ? local.topic_arns : []

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id          = metric_query.key
      return_data = !can(each.value.expression)

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = each.value.period
      }
    }
  }

  dynamic "metric_query" {
    for_each = try([each.value.expression], [])

    content {
      id          = "result"
      expression  = metric_query.value
      label       = each.key
      return_data = true
    }
  }
}

# Pages once, however many alarms fire.

resource "aws_cloudwatch_composite_alarm" "any" {
  count = length(local.alarms) == length(local.notify_by_themselves) ? 0 : 1

  alarm_name        = "${var.name}-any"
  alarm_description = "Something is wrong with ${var.name}; the message names the alarms.\nRun: aws cloudwatch describe-alarms --alarm-name-prefix ${var.name}- --state-value ALARM\nThen see docs/operations.md#alarms"
  tags              = var.tags

  alarm_rule = join(" OR ", [
    for name, alarm in aws_cloudwatch_metric_alarm.alarms : "ALARM(\"${alarm.alarm_name}\")" if !contains(local.notify_by_themselves, name)
  ])
  alarm_actions = local.topic_arns
  ok_actions    = local.topic_arns
}

# Lambda reports the memory of an invocation in the log only.

resource "aws_cloudwatch_log_metric_filter" "memory" {
  name           = "${var.name}-memory"
  log_group_name = var.function.log_group
  pattern        = "{ $.type = \"platform.report\" }"

  metric_transformation {
    namespace = local.memory_metric.namespace
    name      = local.memory_metric.name
    value     = "$.record.metrics.maxMemoryUsedMB"
    unit      = "Megabytes"
  }
}
