terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# A state machine that processes the objects of the source bucket in batches; backfill.asl.yaml defines it.

locals {
  partition      = split(":", var.function.arn)[1]
  results_prefix = ".pipeline/backfill/"

  attempts      = 3
  batch_seconds = var.function.timeout_seconds + 5
  patience      = { interval_seconds = 5, backoff_rate = 3, max_attempts = local.attempts - 1 }
  pause_seconds = sum([for retry in range(local.patience.max_attempts) : local.patience.interval_seconds * pow(local.patience.backoff_rate, retry)])

  # Express executions cost less, but end after 300 seconds, which must be enough for all attempts.
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

# The permissions of the state machine.

locals {
  permissions = {
    list-buckets = [
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = var.source_bucket.arn },
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = var.processed_bucket.arn },
    ]
    read-inventory = var.inventory_bucket == null ? null : [
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = "${var.inventory_bucket.arn}/*" },
    ]
    write-results = [
      # Step Functions writes long results as multipart uploads.
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"]
        Resource = "${var.processed_bucket.arn}/${local.results_prefix}*"
      },
    ]
    use-key = var.kms_key == null ? null : [
      {
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
        Resource  = var.kms_key.arn
        Condition = { StringEquals = { "kms:ViaService" = "s3.${split(":", var.kms_key.arn)[3]}.amazonaws.com" } }
      },
    ]
    invoke-function = [
      { Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = var.function.arn },
    ]
  }
}

module "state_machine" {
  source = "../state_machine"

  name               = var.name
  type               = "STANDARD" # express would end after five minutes
  definition         = jsonencode(local.definition)
  permissions        = local.permissions
  log_retention_days = var.log_retention_days
  xray               = var.xray
  tags               = var.tags
}

# Every batch is an execution of its own, which the state machine must be allowed to start.

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
        # Its executions, and those of its maps: execution:<machine>:<name> and execution:<machine>/<label>:<name>.
        Resource = [for rest in [":*", "/*"] : "${replace(module.state_machine.arn, ":stateMachine:", ":execution:")}${rest}"]
      },
    ]
  })
}
