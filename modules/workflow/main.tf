terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# A state machine that processes one upload per execution; workflow.asl.yaml defines it.
#
# The type of a state machine cannot be changed, only replaced, and for a moment both may exist. So every name contains
# the type.

locals {
  step_seconds = var.function.timeout_seconds + 5

  partition = split(":", var.function.arn)[1]

  # Step Functions ends an express execution after 300 seconds without running Catch, so no step may start that could take longer.
  pace = {
    express = {
      inspect_deadline = "{% $toMillis($states.context.Execution.StartTime) + ${1000 * min(180, 280 - local.step_seconds)} %}"
      deadline         = "{% $toMillis($states.context.Execution.StartTime) + ${1000 * (280 - local.step_seconds)} %}"
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
    step_seconds      = local.step_seconds
    inspect_deadline  = jsonencode(local.pace.inspect_deadline)
    deadline          = jsonencode(local.pace.deadline)
    admission         = local.pace.admission
    patience          = local.pace.patience
    transient_errors  = jsonencode(var.function.transient_errors)
  }))
}

# The permissions of the state machine.

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

  name               = "${var.name}-workflow-${var.type}"
  type               = upper(var.type)
  definition         = jsonencode(local.definition)
  permissions        = local.permissions
  log_retention_days = var.log_retention_days
  xray               = var.xray
  tags               = var.tags
}

# The trigger: every event of the rule starts an execution.

resource "aws_cloudwatch_event_target" "workflow" {
  rule     = var.rule.name
  arn      = module.state_machine.arn
  role_arn = aws_iam_role.uploads.arn

  # The maximums of EventBridge.
  retry_policy {
    maximum_event_age_in_seconds = 24 * 60 * 60
    maximum_retry_attempts       = 185
  }

  dead_letter_config { arn = var.failure_queue.arn }

  depends_on = [aws_iam_role_policy.start_workflow]
}

resource "aws_iam_role" "uploads" {
  name = "${var.name}-uploads-${var.type}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "events.amazonaws.com" }
      Condition = {
        ArnEquals    = { "aws:SourceArn" = var.rule.arn }
        StringEquals = { "aws:SourceAccount" = split(":", var.rule.arn)[4] }
      }
    }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "start_workflow" {
  name = "start-workflow"
  role = aws_iam_role.uploads.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["states:StartExecution"], Resource = module.state_machine.arn },
    ]
  })
}
