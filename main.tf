terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

data "aws_caller_identity" "current" {}

# The package: built when what goes into it has changed, or given.

locals {
  watermark_files = var.watermark == null ? {} : {
    for role, file in { logo = var.watermark.logo, font = var.watermark.font } :
    role => { path = file, packaged = "watermark/${role}${regex("\\.[^./]+$", file)}" } if file != null
  }

  # What is compared: the function without what Python and editors leave behind, and what builds it.
  package_sources = concat(
    [for file in fileset("${path.module}/lambda", "**") : "lambda/${file}" if !can(regex("(^|/)(\\.|__pycache__/)|\\.pyc$", file))],
    [for module in ["package", "wheels", "interpreters", "check_watermark"] : "tools/${module}.py"],
  )

  package_fingerprint = sha256(jsonencode({
    architecture = var.architecture
    sources      = { for file in local.package_sources : file => filesha256("${path.module}/${file}") }
    watermark    = { for file in local.watermark_files : file.packaged => filesha256(file.path) }
    text         = try(var.watermark.text, null) # the build refuses one that the font cannot write
  }))

  # Named for its content, so that two deployments from one directory never upload each other's.
  package = coalesce(var.package_path, "${path.module}/build/package-${substr(local.package_fingerprint, 0, 12)}.zip")
}

resource "terraform_data" "package" {
  count = var.package_path == null ? 1 : 0

  # A function of another name is a new one, which has to be given its code.
  triggers_replace = [local.package_fingerprint, var.name]

  provisioner "local-exec" {
    # Without a shell nothing needs quoting; Terraform appends the command as the last argument.
    interpreter = concat(
      ["python3", "${path.module}/tools/package.py", "--architecture", var.architecture],
      var.watermark == null ? [] : ["--watermark", jsonencode(var.watermark)],
      ["--output"],
    )
    command = local.package
  }
}

# Two buckets: photographs go into the source, images come out of the processed one.

locals {
  bucket_prefix = coalesce(var.bucket_prefix, var.name)
  account_id    = data.aws_caller_identity.current.account_id # all accounts share one space of bucket names
}

module "source" {
  source = "./modules/bucket"

  name                 = coalesce(var.source_bucket_name, "${local.bucket_prefix}-source-${local.account_id}")
  force_destroy        = var.force_destroy
  is_versioned         = true
  kms_key              = var.kms_key
  expiration_days      = var.source_expiration_days
  abort_multipart_days = var.abort_multipart_days
  tags                 = var.tags
}

module "processed" {
  source = "./modules/bucket"

  name                 = coalesce(var.processed_bucket_name, "${local.bucket_prefix}-processed-${local.account_id}")
  force_destroy        = var.force_destroy
  kms_key              = var.kms_key
  expiration_days      = var.processed_expiration_days
  abort_multipart_days = var.abort_multipart_days
  tags                 = var.tags
}

# What could not be processed, and why.

resource "aws_sqs_queue" "failures" {
  name                      = "${var.name}-failures"
  message_retention_seconds = 14 * 24 * 60 * 60 # the longest that SQS keeps a message
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

# Made before the function, or Lambda would make one that keeps everything for ever.

resource "aws_cloudwatch_log_group" "processor" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

# What the function may do, one policy per capability.

resource "aws_iam_role" "processor" {
  name = var.name
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
  tags = var.tags
}

locals {
  permissions = {
    read-source = [
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = "${module.source.arn}/*" },
      # Without it S3 answers 403 instead of 404 for an object that is gone.
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = module.source.arn },
    ]
    write-processed = [
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = "${module.processed.arn}/*" },
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = module.processed.arn },
    ]
    write-logs = [
      # All streams of the one group.
      { Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = "${aws_cloudwatch_log_group.processor.arn}:*" },
    ]
    send-failures = [
      { Effect = "Allow", Action = ["sqs:SendMessage"], Resource = aws_sqs_queue.failures.arn },
    ]
    use-key = var.kms_key == null ? null : [
      { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = var.kms_key.arn },
    ]
    # X-Ray has no resources that a policy could name.
    send-traces = !var.xray ? null : [
      { Effect = "Allow", Action = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Resource = "*" },
    ]
  }
}

resource "aws_iam_role_policy" "processor" {
  for_each = { for capability, statements in local.permissions : capability => statements if statements != null }

  name   = each.key
  role   = aws_iam_role.processor.name
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

# The function and its settings.

locals {
  environment = merge(
    {
      PROCESSED_BUCKET             = module.processed.name
      FAILURE_QUEUE_URL            = aws_sqs_queue.failures.url
      VARIANTS                     = jsonencode({ for name, variant in var.variants : name => { for field, value in variant : field => value if value != null } })
      KEY_TEMPLATE                 = var.key_template
      BACKGROUND                   = var.background
      KEEP_COPYRIGHT               = tostring(var.keep_copyright)
      MAX_MEGAPIXELS               = tostring(var.max_megapixels)
      MAX_SOURCE_MEGABYTES         = tostring(var.max_source_megabytes)
      POWERTOOLS_SERVICE_NAME      = var.name
      POWERTOOLS_METRICS_NAMESPACE = "ImagePipeline"
      POWERTOOLS_LOG_LEVEL         = var.log_level
    },
    var.cache_control == null ? {} : { CACHE_CONTROL = var.cache_control },
    var.watermark == null ? {} : { WATERMARK = jsonencode(local.packaged_watermark) },
    { for metadata in module.metadata : "METADATA" => metadata.environment },
    { for events in module.events : "COMPLETION_BUS" => events.bus_name },
    { for upload_api in var.upload_api[*] : "UPLOAD_API" => jsonencode(local.upload_api) },
  )

  packaged_watermark = var.watermark == null ? null : {
    for field, value in merge(var.watermark, { for role, file in local.watermark_files : role => file.packaged }) :
    field => value if value != null
  }

  upload_api = var.upload_api == null ? null : {
    bucket       = module.source.name
    access       = var.upload_api.jwt != null ? "subject" : var.upload_api.public ? "public" : "operator"
    form_seconds = var.upload_api.form_minutes * 60
    link_seconds = var.upload_api.link_minutes * 60
  }

  # Lambda measures the environment as JSON. The queue has no address before it exists, so 128 bytes stand for it.
  measured_environment = jsonencode(merge(local.environment, { FAILURE_QUEUE_URL = format("%128s", "") }))
  environment_bytes    = floor(length(trim(base64encode(local.measured_environment), "=")) * 3 / 4)
}

resource "aws_lambda_function" "processor" {
  function_name = var.name
  description   = "Makes the images in ${module.processed.name} of every image put into ${module.source.name}"
  role          = aws_iam_role.processor.arn
  tags          = var.tags

  filename         = local.package
  source_code_hash = var.package_path == null ? local.package_fingerprint : filebase64sha256(var.package_path)
  handler          = "index.handler"
  runtime          = "python3.13"
  architectures    = [var.architecture]

  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency

  environment { variables = local.environment }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.processor.name
    application_log_level = var.log_level
  }

  tracing_config { mode = var.xray ? "Active" : "PassThrough" }

  lifecycle {
    precondition {
      condition     = local.environment_bytes <= 4096
      error_message = "Lambda holds 4096 bytes of settings and these take ${local.environment_bytes}: use fewer variants, or a shorter watermark text."
    }
  }

  # The first upload may come as soon as the function is there: what it needs comes before.
  depends_on = [terraform_data.package, aws_iam_role_policy.processor, module.metadata, module.events]
}

resource "aws_lambda_function_event_invoke_config" "processor" {
  function_name                = aws_lambda_function.processor.function_name
  maximum_retry_attempts       = var.retries
  maximum_event_age_in_seconds = var.max_event_age_seconds

  destination_config {
    on_failure { destination = aws_sqs_queue.failures.arn }
  }
}

# The trigger: every object made in the source bucket, however it was made, and perhaps removed.
# With the workflow S3 tells EventBridge instead. One resource holds both, so that the one is never gone before the other is there.

resource "aws_lambda_permission" "source" {
  statement_id   = "source-bucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.processor.function_name
  principal      = "s3.amazonaws.com"
  source_arn     = module.source.arn
  source_account = local.account_id
}

resource "aws_s3_bucket_notification" "source" {
  bucket      = module.source.name
  eventbridge = var.workflow != null

  dynamic "lambda_function" {
    # S3 takes one suffix per filter.
    for_each = try(var.workflow.direct_trigger, true) ? coalescelist(var.trigger_suffixes, [""]) : []

    content {
      lambda_function_arn = aws_lambda_function.processor.arn
      events              = concat(["s3:ObjectCreated:*"], var.remove_deleted ? ["s3:ObjectRemoved:*"] : [])
      filter_prefix       = var.trigger_prefix
      filter_suffix       = lambda_function.value
    }
  }

  lifecycle {
    precondition {
      condition     = module.source.name != module.processed.name
      error_message = "Source and processed bucket are both ${module.source.name}: every result would be processed again, for ever."
    }
  }

  depends_on = [aws_lambda_permission.source, aws_lambda_function_event_invoke_config.processor, module.workflow]
}

# Optional parts. Each adds its own policy to the role.

module "metadata" {
  source = "./modules/metadata"
  count  = var.metadata == null ? 0 : 1

  name                = "${var.name}-records"
  role_name           = aws_iam_role.processor.name
  kms_key             = var.metadata.kms_key
  deletion_protection = var.metadata.deletion_protection
  expiration_days     = var.metadata.expiration_days
  tags                = var.tags
}

module "events" {
  source = "./modules/events"
  count  = var.events == null ? 0 : 1

  bus_name  = var.events.bus_name
  role_name = aws_iam_role.processor.name
}

module "upload_api" {
  source = "./modules/upload_api"
  count  = var.upload_api == null ? 0 : 1

  name                = var.name
  role_name           = aws_iam_role.processor.name
  function_name       = aws_lambda_function.processor.function_name
  function_arn        = aws_lambda_function.processor.arn
  source_bucket       = { name = module.source.name, arn = module.source.arn }
  table               = one([for metadata in module.metadata : { arn = metadata.table_arn }])
  jwt                 = var.upload_api.jwt
  public              = var.upload_api.public
  allowed_origins     = var.upload_api.allowed_origins
  requests_per_second = var.upload_api.requests_per_second
  burst               = var.upload_api.burst
  log_retention_days  = var.log_retention_days
  tags                = var.tags
}

locals {
  # The function as a step of a state machine, and which of its failures may mend: the service's own troubles,
  # a function killed or out of memory or time, and what the function says to be so.
  step = {
    arn             = aws_lambda_function.processor.arn
    timeout_seconds = var.timeout_seconds
    transient_errors = [
      "TransientFailure", "Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "States.Timeout", "Lambda.TooManyRequestsException",
      "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.ClientExecutionTimeoutException",
    ]
  }
}

module "workflow" {
  source = "./modules/workflow"
  count  = var.workflow == null ? 0 : 1

  name               = var.name
  type               = var.workflow.type
  review             = var.workflow.review
  max_concurrency    = var.workflow.max_concurrency
  function           = local.step
  source_bucket      = module.source.name
  trigger            = { prefix = var.trigger_prefix, suffixes = var.trigger_suffixes, remove_deleted = var.remove_deleted }
  failure_queue      = { arn = aws_sqs_queue.failures.arn, url = aws_sqs_queue.failures.url }
  log_retention_days = var.log_retention_days
  xray               = var.xray
  tags               = var.tags
}

module "backfill" {
  source = "./modules/backfill"
  count  = var.backfill == null ? 0 : 1

  name                         = "${var.name}-backfill"
  function                     = local.step
  source_bucket                = { name = module.source.name, arn = module.source.arn }
  processed_bucket             = { name = module.processed.name, arn = module.processed.arn }
  inventory_bucket             = var.backfill.inventory_bucket
  kms_key                      = var.kms_key
  trigger                      = { prefix = var.trigger_prefix, suffixes = var.trigger_suffixes }
  reviewed_only                = try(var.workflow.review != null, false)
  batch_size                   = var.backfill.batch_size
  max_concurrency              = var.backfill.max_concurrency
  tolerated_failure_percentage = var.backfill.tolerated_failure_percentage
  timeout_hours                = var.backfill.timeout_hours
  log_retention_days           = var.log_retention_days
  xray                         = var.xray
  tags                         = var.tags
}
