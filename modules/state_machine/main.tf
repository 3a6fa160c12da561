terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# A state machine with a log and a role of its own.

resource "aws_sfn_state_machine" "machine" {
  name       = var.name
  type       = var.type
  role_arn   = aws_iam_role.machine.arn
  definition = var.definition
  tags       = var.tags

  # Without what went in and out: the log names no keys.
  logging_configuration {
    log_destination        = "${aws_cloudwatch_log_group.machine.arn}:*"
    level                  = "ERROR"
    include_execution_data = false
  }

  tracing_configuration { enabled = var.xray }

  # Step Functions looks at once whether the role may write the log.
  depends_on = [aws_iam_role_policy.machine]
}

# A group whose name begins so takes no room in the account's policy for deliveries, which has little.

resource "aws_cloudwatch_log_group" "machine" {
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

# What it may do, one policy per capability.

resource "aws_iam_role" "machine" {
  name = var.name
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "states.amazonaws.com" } }]
  })
  tags = var.tags
}

locals {
  permissions = merge(var.permissions, {
    # Neither the delivery of logs nor X-Ray has resources that a policy could name.
    deliver-logs = [{
      Effect = "Allow"
      Action = [
        "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
        "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
      ]
      Resource = "*"
    }]
    send-traces = !var.xray ? null : [{
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"]
      Resource = "*"
    }]
  })
}

resource "aws_iam_role_policy" "machine" {
  for_each = { for capability, statements in local.permissions : capability => statements if statements != null }

  name   = each.key
  role   = aws_iam_role.machine.name
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}
