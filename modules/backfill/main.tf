terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# Everything in the source bucket, batch by batch, as backfill.asl.yaml has it.

locals {
  partition      = split(":", var.function.arn)[1]
  results_prefix = ".pipeline/backfill/"

  attempts      = 3
  batch_seconds = var.function.timeout_seconds + 5
  patience      = { interval_seconds = 5, backoff_rate = 3, max_attempts = local.attempts - 1 }
  pause_seconds = sum([for retry in range(local.patience.max_attempts) : local.patience.interval_seconds * pow(local.patience.backoff_rate, retry)])

  # Express executions cost less, and are cut off after 300 seconds: there must be time for every attempt.
  execution_type = local.batch_seconds * local.attempts + local.pause_seconds <= 290 ? "EXPRESS" : "STANDARD"

  definition = yamldecode(templatefile("${path.module}/backfill.asl.yaml", {
    list_objects                 = "arn:${local.partition}:states:::s3:listObjectsV2"
    get_object                   = "arn:${local.partition}:states:::s3:getObject"
    put_object                   = "arn:${local.partition}:states:::s3:putObject"
    invoke                       = "arn:${local.partition}:states:::lambda:invoke"
    function_arn                 = var.function.arn
    source_bucket                = var.source_bucket.name
    processed_bucket             = var.processed_bucket.name
    results_prefix               = local.results_prefix
    trigger                      = jsonencode(var.trigger)
    reviewed_only                = var.reviewed_only
    batch_size                   = var.batch_size
    max_concurrency              = var.max_concurrency
    tolerated_failure_percentage = var.tolerated_failure_percentage
    timeout_seconds              = var.timeout_hours * 60 * 60
    execution_type               = local.execution_type
    batch_seconds                = local.batch_seconds
    patience                     = local.patience
    transient_errors             = jsonencode(var.function.transient_errors)
  }))
}

# What the state machine may do: look into the one bucket, write beside the images in the other, and ask the function.

locals {
  permissions = {
    list-source = [
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = var.source_bucket.arn },
    ]
    read-inventory = var.inventory_bucket == null ? null : [
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = "${var.inventory_bucket.arn}/*" },
    ]
    write-results = [
      # Long results are written in parts.
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"]
        Resource = "${var.processed_bucket.arn}/${local.results_prefix}*"
      },
    ]
    use-key = var.kms_key == null ? null : [
      { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = var.kms_key.arn },
    ]
    invoke-function = [
      { Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = var.function.arn },
    ]
  }
}

module "state_machine" {
  source = "../state_machine"

  name               = var.name
  type               = "STANDARD" # the only one that may take longer than five minutes
  definition         = jsonencode(local.definition)
  permissions        = local.permissions
  log_retention_days = var.log_retention_days
  xray               = var.xray
  tags               = var.tags
}

# Every batch is an execution of its own, which the state machine starts as anybody else would.

resource "aws_iam_role_policy" "run_batches" {
  name = "run-batches"
  role = module.state_machine.role_name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["states:StartExecution"], Resource = module.state_machine.arn },
      {
        Effect = "Allow"
        Action = ["states:DescribeExecution", "states:StopExecution"]
        # execution:<name of the machine>/<label of the map>:<name>
        Resource = "${replace(module.state_machine.arn, ":stateMachine:", ":execution:")}/*"
      },
    ]
  })
}
