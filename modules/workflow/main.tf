terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# The steps of one upload, as workflow.asl.yaml has them.

locals {
  partition = split(":", var.function.arn)[1]

  # An express execution is cut off after 300 seconds, and nobody told: the function gives up before.
  pace = {
    express = {
      inspect_deadline = "{% $toMillis($states.context.Execution.StartTime) + 180000 %}"
      deadline         = "{% $toMillis($states.context.Execution.StartTime) + 270000 %}"
      admission        = { interval_seconds = 2, backoff_rate = 2, max_delay_seconds = 30, max_attempts = 8 }
      patience         = { interval_seconds = 1, backoff_rate = 2, max_delay_seconds = 8, max_attempts = 4, max_review_attempts = 1 }
    }
    standard = {
      inspect_deadline = null
      deadline         = null
      admission        = { interval_seconds = 5, backoff_rate = 2, max_delay_seconds = 600, max_attempts = 40 }
      patience         = { interval_seconds = 5, backoff_rate = 3, max_delay_seconds = 600, max_attempts = 6, max_review_attempts = 3 }
    }
  }[var.type]

  definition = yamldecode(templatefile("${path.module}/workflow.asl.yaml", {
    invoke            = "arn:${local.partition}:states:::lambda:invoke"
    send_message      = "arn:${local.partition}:states:::sqs:sendMessage"
    function_arn      = var.function.arn
    failure_queue_url = var.failure_queue.url
    review            = var.review
    max_concurrency   = var.max_concurrency
    step_seconds      = var.function.timeout_seconds + 5
    inspect_deadline  = jsonencode(local.pace.inspect_deadline)
    deadline          = jsonencode(local.pace.deadline)
    admission         = local.pace.admission
    patience          = local.pace.patience
    transient_errors  = jsonencode(var.function.transient_errors)
  }))
}

# What the state machine may do: ask these functions, and report.

locals {
  permissions = {
    invoke-function = [
      { Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = var.function.arn },
    ]
    ask-review = var.review == null ? null : [
      { Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = var.review.function_arn },
    ]
    send-failures = [
      { Effect = "Allow", Action = ["sqs:SendMessage"], Resource = var.failure_queue.arn },
    ]
  }
}

module "state_machine" {
  source = "../state_machine"

  # A type is for life: with it the name changes, so that a machine of the other type is there before this one goes.
  name               = "${var.name}-workflow-${var.type}"
  type               = upper(var.type)
  definition         = jsonencode(local.definition)
  permissions        = local.permissions
  log_retention_days = var.log_retention_days
  xray               = var.xray
  tags               = var.tags
}

# The trigger: what S3 tells EventBridge of the source bucket, one execution each.

resource "aws_cloudwatch_event_rule" "uploads" {
  name        = "${var.name}-uploads"
  description = "Uploads to ${var.source_bucket} that are to be processed"
  tags        = var.tags

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = concat(["Object Created"], var.trigger.remove_deleted ? ["Object Deleted"] : [])
    detail = {
      bucket = { name = [var.source_bucket] }
      # What the filters of a bucket notification mean. They hold no asterisk of their own.
      object = { key = [for suffix in coalescelist(var.trigger.suffixes, [""]) : { wildcard = replace("${var.trigger.prefix}*${suffix}", "\\", "\\\\") }] }
      # Images outlive an upload that has expired.
      reason = [{ anything-but = ["Lifecycle Expiration"] }]
    }
  })
}

resource "aws_cloudwatch_event_target" "workflow" {
  rule     = aws_cloudwatch_event_rule.uploads.name
  arn      = module.state_machine.arn
  role_arn = aws_iam_role.uploads.arn

  # EventBridge tries no longer and no more often than that.
  retry_policy {
    maximum_event_age_in_seconds = 24 * 60 * 60
    maximum_retry_attempts       = 185
  }

  dead_letter_config { arn = var.failure_queue.arn }

  # When the workflow is switched off, this and all that it needs go after S3 has been told to send nothing more here.
  lifecycle { create_before_destroy = true }

  depends_on = [aws_iam_role_policy.start_workflow, aws_sqs_queue_policy.undelivered]
}

resource "aws_iam_role" "uploads" {
  name = "${var.name}-uploads"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "events.amazonaws.com" }
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.uploads.arn } }
    }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "start_workflow" {
  name = "start-workflow-${var.type}" # two of them, while the type is changed
  role = aws_iam_role.uploads.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["states:StartExecution"], Resource = module.state_machine.arn },
    ]
  })
}

# What EventBridge cannot deliver goes where everything else goes that was not processed.

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = var.failure_queue.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "UndeliveredUploads"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = var.failure_queue.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.uploads.arn } }
    }]
  })
}
