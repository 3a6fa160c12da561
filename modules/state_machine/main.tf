terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# A state machine with its own log group and role.

resource "aws_sfn_state_machine" "machine" {
  name       = var.name
  type       = var.type
  role_arn   = aws_iam_role.machine.arn
  definition = var.definition
  tags       = var.tags

  # Without inputs and outputs, so that the log contains no keys.
  logging_configuration {
    log_destination        = "${aws_cloudwatch_log_group.machine.arn}:*"
    level                  = "ERROR"
    include_execution_data = false
  }

  tracing_configuration { enabled = var.xray }

  # Step Functions checks at creation whether the role may write the log.
  depends_on = [aws_iam_role_policy.machine]
}

# Log groups with the prefix /aws/vendedlogs/ take no room in CloudWatch Logs' resource policy, whose size is limited.

resource "aws_cloudwatch_log_group" "machine" {
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

# The role, with one policy per capability.

data "aws_caller_identity" "current" {}

resource "aws_iam_role" "machine" {
  name = var.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "states.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
  tags = var.tags
}

locals {
  permissions = merge(var.permissions, {
    # Neither log delivery nor X-Ray supports resource-level permissions.
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

  name = each.key
  role = aws_iam_role.machine.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in each.value : { for field, value in statement : field => value if value != null }]
  })
}
