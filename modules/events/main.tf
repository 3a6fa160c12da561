terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# An existing event bus, which receives an event for every upload that is processed or rejected.

data "aws_cloudwatch_event_bus" "completions" {
  name = var.bus_name
}

resource "aws_iam_role_policy" "announce_completions" {
  name = "announce-completions"
  role = var.role_name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Action    = ["events:PutEvents"]
        Resource  = data.aws_cloudwatch_event_bus.completions.arn
        Condition = { StringEquals = { "events:source" = "image-pipeline" } }
      },
    ]
  })
}
