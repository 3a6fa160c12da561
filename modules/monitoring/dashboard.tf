# One screen: what comes in, what comes out, what is stuck, how close the limits are, and what it costs.

locals {
  console_domain = lookup({ aws-cn = "amazonaws.cn", aws-us-gov = "amazonaws-us-gov.com" }, local.partition, "aws.amazon.com")
  console        = "https://${local.region}.console.${local.console_domain}"

  # Prices of us-east-1 in dollars: docs/costs.md has the arithmetic.
  gb_second_price = var.function.architecture == "arm64" ? "0.0000133334" : "0.0000166667"
  gigabytes       = var.function.memory_mb / 1024

  widgets = [
    {
      type = "text", x = 0, y = 0, width = 24, height = 1
      properties = {
        markdown = join(" · ", [
          "**${var.name}**",
          "[log](${local.console}/cloudwatch/home?region=${local.region}#logsV2:log-groups/log-group/${replace(var.function.log_group, "/", "$252F")})",
          "[saved queries](${local.console}/cloudwatch/home?region=${local.region}#logsV2:logs-insights)",
          "[function](${local.console}/lambda/home?region=${local.region}#/functions/${var.function.name})",
          "[queues](${local.console}/sqs/v3/home?region=${local.region}#/queues)",
          "what to do: docs/operations.md#alarms",
        ])
      }
    },
    {
      type = "alarm", x = 0, y = 1, width = 24, height = 3
      properties = {
        title  = "Alarms"
        sortBy = "stateUpdatedTimestamp"
        alarms = concat(aws_cloudwatch_composite_alarm.any[*].arn, values(aws_cloudwatch_metric_alarm.alarms)[*].arn)
      }
    },
    {
      type = "metric", x = 0, y = 4, width = 8, height = 5
      properties = {
        title = "Uploads in, images out", region = local.region, period = 300, stat = "Sum"
        metrics = concat(
          [["AWS/Lambda", "AsyncEventsReceived", "FunctionName", var.function.name, { label = "uploads" }]],
          [for workflow in var.workflow[*] : ["AWS/States", "ExecutionsStarted", "StateMachineArn", workflow.state_machine_arn, { label = "uploads to the workflow" }]],
          [["ImagePipeline", "BytesPublished", "service", var.name, { label = "images", stat = "SampleCount" }]],
        )
      }
    },
    {
      type = "log", x = 8, y = 4, width = 8, height = 5
      properties = {
        title = "Rejections by reason", region = local.region, view = "bar"
        query = "SOURCE '${var.function.log_group}' | ${local.queries["rejections-by-reason"]}"
      }
    },
    {
      type = "metric", x = 16, y = 4, width = 8, height = 5
      properties = {
        title = "Waiting and lost", region = local.region, period = 300
        metrics = [
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.failure_queue, { label = "waiting on the failure queue", stat = "Maximum" }],
          ["AWS/Lambda", "AsyncEventsDropped", "FunctionName", var.function.name, { label = "given up by Lambda", stat = "Sum" }],
          ["AWS/Lambda", "DestinationDeliveryFailures", "FunctionName", var.function.name, { label = "lost", stat = "Sum" }],
        ]
      }
    },
    {
      type = "metric", x = 0, y = 9, width = 6, height = 5
      properties = {
        title = "Duration in milliseconds", region = local.region, period = 300
        metrics = [
          ["AWS/Lambda", "Duration", "FunctionName", var.function.name, { label = "slowest", stat = "Maximum" }],
          ["AWS/Lambda", "Duration", "FunctionName", var.function.name, { label = "median", stat = "p50" }],
        ]
        annotations = { horizontal = [{ label = "timeout", value = var.function.timeout_seconds * 1000 }] }
        yAxis       = { left = { min = 0 } }
      }
    },
    {
      type = "metric", x = 6, y = 9, width = 6, height = 5
      properties = {
        title       = "Memory in MB", region = local.region, period = 300
        metrics     = [[local.memory_metric.namespace, local.memory_metric.name, { label = "most", stat = "Maximum" }]]
        annotations = { horizontal = [{ label = "limit", value = var.function.memory_mb }] }
        yAxis       = { left = { min = 0 } }
      }
    },
    {
      type = "log", x = 12, y = 9, width = 6, height = 5
      properties = {
        title = "Stages in milliseconds", region = local.region, view = "timeSeries", stacked = true
        query = "SOURCE '${var.function.log_group}' | ${local.queries["stages"]}"
      }
    },
    {
      type = "metric", x = 18, y = 9, width = 6, height = 5
      properties = {
        title = "Cost in dollars a day", region = local.region, period = 86400, stat = "Sum", start = "-P14D", view = "timeSeries", stacked = true
        metrics = [
          [{ id = "lambda", label = "Lambda", expression = "duration / 1000 * ${local.gigabytes} * ${local.gb_second_price} + invocations * 0.0000002" }],
          [{ id = "requests", label = "S3 requests", expression = "outcomes * 0.0000058 + images * 0.0000058" }],
          [{ id = "logs", label = "logs", expression = "bytes * 0.5 / 1000000000" }],
          ["AWS/Lambda", "Duration", "FunctionName", var.function.name, { id = "duration", visible = false }],
          ["AWS/Lambda", "Invocations", "FunctionName", var.function.name, { id = "invocations", visible = false }],
          ["ImagePipeline", "Duration", "service", var.name, { id = "outcomes", visible = false, stat = "SampleCount" }],
          ["ImagePipeline", "BytesPublished", "service", var.name, { id = "images", visible = false, stat = "SampleCount" }],
          ["AWS/Logs", "IncomingBytes", "LogGroupName", var.function.log_group, { id = "bytes", visible = false }],
        ]
      }
    },
  ]
}

resource "aws_cloudwatch_dashboard" "pipeline" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    start          = "-P1D"
    periodOverride = "inherit"
    # CloudWatch refuses a widget of alarms without any.
    widgets = [for widget in local.widgets : widget if widget.type != "alarm" || length(local.alarms) > 0]
  })
}

# Saved queries: they appear in Logs Insights under the name of the pipeline.

locals {
  queries = {
    rejections-by-reason = "filter message = \"rejected\" | stats count(*) as rejections by reason | sort rejections desc"
    stages = join(" ", [
      "filter ispresent(milliseconds.total)",
      "| stats avg(milliseconds.fetch) as fetch, avg(milliseconds.decode) as decode, avg(milliseconds.resize) as resize,",
      "avg(milliseconds.encode) as encode, avg(milliseconds.publish) as publish, avg(milliseconds.confirm) as confirm by bin(5m)",
    ])
    failures         = "filter level = \"ERROR\" or record.status in [\"error\", \"failure\", \"timeout\"] | fields @timestamp, message, source.key, detail, record.status, record.requestId | sort @timestamp desc | limit 100"
    rejected-uploads = "filter message = \"rejected\" | fields @timestamp, source.key, reason, detail | sort @timestamp desc | limit 100"
    slowest-uploads  = "filter ispresent(milliseconds.total) | fields @timestamp, source.key, source.size, picture.format, picture.size.width, picture.size.height, milliseconds.total | sort milliseconds.total desc | limit 20"
    one-upload       = "filter source.key = \"REPLACE/WITH/THE/KEY.jpg\" | fields @timestamp, message, reason, detail, milliseconds.total, function_request_id | sort @timestamp asc"
    memory           = "filter type = \"platform.report\" | stats max(record.metrics.maxMemoryUsedMB) as most, avg(record.metrics.maxMemoryUsedMB) as mean, max(record.metrics.memorySizeMB) as available by bin(1h)"
    cold-starts      = "filter type = \"platform.report\" | stats count(record.metrics.initDurationMs) as cold, count(*) as all, avg(record.metrics.initDurationMs) as milliseconds by bin(1h)"
  }
}

resource "aws_cloudwatch_query_definition" "queries" {
  for_each = local.queries

  name            = "${var.name}/${each.key}"
  log_group_names = [var.function.log_group]
  query_string    = each.value
}
