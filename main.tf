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
data "aws_region" "current" {}

# The package: built by Terraform when its content has changed, or given.

locals {
  watermark_files = var.watermark == null ? {} : {
    for role, file in { logo = var.watermark.logo, font = var.watermark.font } :
    role => { path = file, packaged = "watermark/${role}${regex("\\.[^./]+$", file)}" } if file != null
  }

  # The files that decide the content: the function, without caches and hidden files, and the build tools.
  package_sources = concat(
    [for file in fileset("${path.module}/lambda", "**") : "lambda/${file}" if !can(regex("(^|/)(\\.|__pycache__/)|\\.pyc$", file))],
    [for module in ["package", "wheels", "interpreters", "check_watermark"] : "tools/build/${module}.py"],
  )

  package_fingerprint = sha256(jsonencode({
    architecture = var.architecture
    sources      = { for file in local.package_sources : file => filesha256("${path.module}/${file}") }
    watermark    = { for file in local.watermark_files : file.packaged => filesha256(file.path) }
    text         = try(var.watermark.text, null) # the build fails if the font cannot write it
  }))

  # The name contains the fingerprint, so that two deployments from one directory never upload each other's package.
  package = coalesce(var.package_path, "${path.module}/build/package-${substr(local.package_fingerprint, 0, 12)}.zip")
}

resource "terraform_data" "package" {
  count = var.package_path == null ? 1 : 0

  # A new name means a new function, which needs its code.
  triggers_replace = [local.package_fingerprint, var.name]

  provisioner "local-exec" {
    # Without a shell, nothing needs quoting. Terraform appends the command as the last argument.
    interpreter = concat(
      ["python3", "${path.module}/tools", "package", "--architecture", var.architecture],
      var.watermark == null ? [] : ["--watermark", jsonencode(var.watermark)],
      ["--output"],
    )
    command = local.package
  }
}

# The upload: due whenever the package changes. Replace this resource to upload the same package again.

resource "terraform_data" "upload" {
  triggers_replace = [var.package_path == null ? local.package_fingerprint : filebase64sha256(var.package_path), terraform_data.package[*].id]
}

check "code" {
  assert {
    # Only the machine that built the package has the file. While an upload is planned, the ID is unknown and so is the result.
    condition = (
      can(filebase64sha256(local.package)) ?
      terraform_data.upload.id == "" || aws_lambda_function.processor.code_sha256 == filebase64sha256(local.package) : true
    )
    error_message = "The function ${var.name} runs other code than ${local.package}: an update failed, or the code was changed outside Terraform. Upload it again with: terraform apply -replace=terraform_data.upload"
  }
}

# Two buckets: uploads go into the source bucket, and the function writes images to the processed bucket. Terraform creates
# each of them, unless it is to use an existing one. That stays as it is: Terraform only looks it up.

locals {
  bucket_prefix = coalesce(var.bucket_prefix, var.name)
  account_id    = data.aws_caller_identity.current.account_id # bucket names are unique across all accounts

  existing_buckets = compact([var.existing_source_bucket, var.existing_processed_bucket])
  existing_bucket  = { for name, bucket in data.aws_s3_bucket.existing : name => { name = name, id = name, arn = bucket.arn, domain_name = bucket.bucket_regional_domain_name } }

  # Output by output, because a reference to a whole module waits for all of it, and the policy of a bucket needs its ARN.
  source_bucket = var.existing_source_bucket != null ? local.existing_bucket[var.existing_source_bucket] : {
    name = module.source[0].name, id = module.source[0].id, arn = module.source[0].arn, domain_name = module.source[0].domain_name
  }
  processed_bucket = var.existing_processed_bucket != null ? local.existing_bucket[var.existing_processed_bucket] : {
    name = module.processed[0].name, id = module.processed[0].id, arn = module.processed[0].arn, domain_name = module.processed[0].domain_name
  }
  own_buckets = merge(
    var.existing_source_bucket == null ? { source = local.source_bucket } : {},
    var.existing_processed_bucket == null ? { processed = local.processed_bucket } : {},
  )
}

module "source" {
  source = "./modules/bucket"
  count  = var.existing_source_bucket == null ? 1 : 0

  name                 = coalesce(var.source_bucket_name, "${local.bucket_prefix}-source-${local.account_id}")
  force_destroy        = var.force_destroy
  is_versioned         = true
  kms_key              = var.kms_key
  expiration_days      = var.source_expiration_days
  noncurrent_days      = var.source_noncurrent_days
  abort_multipart_days = var.abort_multipart_days
  tags                 = var.tags
}

module "processed" {
  source = "./modules/bucket"
  count  = var.existing_processed_bucket == null ? 1 : 0

  name                 = coalesce(var.processed_bucket_name, "${local.bucket_prefix}-processed-${local.account_id}")
  force_destroy        = var.force_destroy
  kms_key              = var.kms_key
  expiration_days      = var.processed_expiration_days
  retired_days         = local.retired_days
  abort_multipart_days = var.abort_multipart_days
  policy_statements    = local.cdn_bucket_statements
  tags                 = var.tags
}

locals {
  # Images under a key with {version} are never replaced in place: the function tags those that no manifest lists any more.
  has_immutable_images = strcontains(var.key_template, "{version}")
  retired_days         = local.has_immutable_images ? try(var.manifest.grace_days, null) : null
}

data "aws_s3_bucket" "existing" {
  for_each = toset(local.existing_buckets)

  bucket = each.key

  lifecycle {
    postcondition {
      # EventBridge gets the events of a bucket in the bucket's region only.
      condition     = startswith(self.bucket_regional_domain_name, "${each.key}.s3.${data.aws_region.current.id}.")
      error_message = "The existing bucket ${each.key} is not in the region of this deployment, ${data.aws_region.current.id}: its address is ${self.bucket_regional_domain_name}."
    }
  }
}

locals {
  # In one bucket, no image, manifest or result of a backfill may be an upload: their keys must not begin as those of uploads do.
  is_one_bucket  = local.source_bucket.name == local.processed_bucket.name
  templates      = merge({ key_template = var.key_template }, { for template in var.manifest[*].key_template : "manifest.key_template" => template })
  image_prefixes = [for template in values(local.templates) : split("{", template)[0]]
  self_triggering = [
    for name, key in merge(local.templates, { "backfill results" = ".pipeline/" }) : "${name} (${key})"
    if startswith(split("{", key)[0], var.trigger_prefix) || startswith(var.trigger_prefix, split("{", key)[0])
  ]
}

# The failure queue: uploads that could not be processed, each with the reason.

resource "aws_sqs_queue" "failures" {
  name                      = "${local.name}-failures"
  message_retention_seconds = 14 * 24 * 60 * 60 # the maximum of SQS
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "failures" {
  queue_url = aws_sqs_queue.failures.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "DenyPlainHttp"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.failures.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      # Events that EventBridge cannot deliver are uploads that were not processed, too.
      [for rule in aws_cloudwatch_event_rule.uploads : {
        Sid       = "UndeliveredUploads"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.failures.arn
        Condition = { ArnEquals = { "aws:SourceArn" = rule.arn } } # the ARN contains the account
      }],
    )
  })
}

# The log group: created before the function, or Lambda would create one that never expires.

resource "aws_cloudwatch_log_group" "processor" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

# The function's role, with one policy per capability.

resource "aws_iam_role" "processor" {
  name = var.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
  tags = var.tags
}

locals {
  # IAM refuses to create a role that exists. SQS, EventBridge and Step Functions instead return the existing resource,
  # and a deployment that adopted another's queue would later destroy it. So their names depend on the role.
  name = aws_iam_role.processor.name

  # In one bucket for both, the function cannot write where the uploads are. An asterisk in a template stands for itself.
  images = local.is_one_bucket ? [for prefix in local.image_prefixes : "${local.processed_bucket.arn}/${replace(prefix, "*", "$${*}")}*"] : ["${local.processed_bucket.arn}/*"]

  permissions = {
    read-source = [
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = "${local.source_bucket.arn}/*" },
      # Without this permission, S3 returns 403 instead of 404 for a missing object.
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = local.source_bucket.arn },
    ]
    write-processed = [
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = local.images },
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = local.processed_bucket.arn },
    ]
    retire-images = local.retired_days == null ? null : [
      { Effect = "Allow", Action = ["s3:PutObjectTagging"], Resource = local.images },
    ]
    write-logs = [
      # All streams of the log group.
      { Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = "${aws_cloudwatch_log_group.processor.arn}:*" },
    ]
    send-failures = [
      { Effect = "Allow", Action = ["sqs:SendMessage"], Resource = aws_sqs_queue.failures.arn },
    ]
    # Before Terraform destroys a bucket, the function checks whether it has objects or old versions.
    guard-buckets = length(local.own_buckets) == 0 ? null : [
      for bucket in values(local.own_buckets) : { Effect = "Allow", Action = ["s3:ListBucketVersions"], Resource = bucket.arn }
    ]
    use-key = var.kms_key == null ? null : [
      {
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = var.kms_key.arn
        Condition = { StringEquals = { "kms:ViaService" = "s3.${split(":", var.kms_key.arn)[3]}.amazonaws.com" } }
      },
    ]
    # X-Ray does not support resource-level permissions.
    send-traces = !var.xray ? null : [
      { Effect = "Allow", Action = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Resource = "*" },
    ]
  }
}

resource "aws_iam_role_policy" "processor" {
  for_each = { for capability, statements in local.permissions : capability => statements if statements != null }

  name   = each.key
  role   = aws_iam_role.processor.id # unknown while the role is replaced, so that its policies are replaced too
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

# The function and its settings.

locals {
  environment = merge(
    {
      PROCESSED_BUCKET             = local.processed_bucket.name
      FAILURE_QUEUE_URL            = aws_sqs_queue.failures.url
      VARIANTS                     = jsonencode({ for name, variant in var.variants : name => { for field, value in variant : field => value if value != null && value != try(local.variant_defaults[field], null) } })
      KEY_TEMPLATE                 = var.key_template
      BACKGROUND                   = var.background
      KEEP_COPYRIGHT               = tostring(var.keep_copyright)
      KEEP_PROVENANCE              = tostring(var.keep_provenance)
      MAX_MEGAPIXELS               = tostring(var.max_megapixels)
      MAX_SOURCE_MEGABYTES         = tostring(var.max_source_megabytes)
      POWERTOOLS_SERVICE_NAME      = var.name
      POWERTOOLS_METRICS_NAMESPACE = "ImagePipeline"
      POWERTOOLS_LOG_LEVEL         = var.log_level
    },
    var.upload_options ? { UPLOAD_OPTIONS = "true" } : {},
    var.require_sandbox ? { REQUIRE_SANDBOX = "true" } : {},
    length(var.exif_facts) == 0 ? {} : { EXIF_FACTS = jsonencode(sort(var.exif_facts)) },
    local.cache_control == null ? {} : { CACHE_CONTROL = local.cache_control },
    var.manifest == null ? {} : { MANIFEST = jsonencode(local.manifest) },
    { for cdn in local.cdn[*] : "CDN_URL" => cdn.url },
    length(var.formats) == length(local.input_formats) ? {} : { FORMATS = jsonencode(sort(var.formats)) },
    var.watermark == null ? {} : { WATERMARK = jsonencode(local.packaged_watermark) },
    var.remove_deleted ? { REMOVE_DELETED = "true" } : {},
    try(var.workflow.review, null) == null ? {} : { MUST_BE_REVIEWED = "true" },
    { for metadata in module.metadata : "METADATA" => metadata.environment },
    { for events in module.events : "COMPLETION_BUS" => events.bus_name },
    { for upload_api in var.upload_api[*] : "UPLOAD_API" => jsonencode(local.upload_api) },
  )

  packaged_watermark = var.watermark == null ? null : {
    for field, value in merge(var.watermark, { for role, file in local.watermark_files : role => file.packaged }) :
    field => value if value != null
  }

  cache_control = local.has_immutable_images ? "public, max-age=31536000, immutable" : var.cache_control

  # Only values that differ from the function's own defaults; Terraform itself uses the other fields.
  manifest_defaults = { key_template = "{directory}{stem}.json", max_age_seconds = 60, blurred_placeholder = false }
  manifest = var.manifest == null ? null : {
    for field, default in local.manifest_defaults : field => var.manifest[field] if var.manifest[field] != default
  }

  upload_api = var.upload_api == null ? null : merge(
    {
      bucket       = local.source_bucket.name
      access       = var.upload_api.jwt != null ? "subject" : var.upload_api.public ? "public" : "operator"
      form_seconds = var.upload_api.form_minutes * 60
      link_seconds = var.upload_api.link_minutes * 60
    },
    # The function cannot sign URLs of a private CDN.
    try(local.cdn.is_private, false) ? { presign = true } : {},
  )

  # Lambda limits the size of the environment as JSON. Two URLs are unknown at first, so 128 and 64 bytes stand in for them.
  measured_environment = jsonencode(merge(
    local.environment,
    { FAILURE_QUEUE_URL = format("%128s", "") },
    length(module.cdn) == 0 || length(try(var.cdn.domain_names, [])) > 0 ? {} : { CDN_URL = format("%64s", "") },
  ))
  environment_bytes = floor(length(trim(base64encode(local.measured_environment), "=")) * 3 / 4)
}

locals {
  # Of other regions none of these works: S3 and DynamoDB use keys, Step Functions functions and CloudWatch topics of their own.
  regional_arns = merge(
    { for key in var.kms_key[*] : "kms_key.arn" => key.arn },
    { for key in try(var.metadata.kms_key[*], []) : "metadata.kms_key.arn" => key.arn },
    { for review in try(var.workflow.review[*], []) : "workflow.review.function_arn" => review.function_arn },
    { for index, arn in try(var.monitoring.topic_arns, []) : "monitoring.topic_arns[${index}]" => arn },
  )
  arns_of_other_regions = [for setting, arn in local.regional_arns : "${setting} (${arn})" if split(":", arn)[3] != data.aws_region.current.id]
}

resource "aws_lambda_function" "processor" {
  function_name = var.name
  description   = "Turns every image in ${local.source_bucket.name} into processed images in ${local.processed_bucket.name}"
  role          = aws_iam_role.processor.arn
  tags          = var.tags

  filename         = local.package
  source_code_hash = terraform_data.upload.id
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
      error_message = "Lambda allows 4096 bytes of environment variables and these settings need ${local.environment_bytes}: use fewer variants or a shorter watermark text."
    }

    precondition {
      condition     = length(local.arns_of_other_regions) == 0
      error_message = "These must be in the region of this deployment, ${data.aws_region.current.id}: ${join(", ", local.arns_of_other_regions)}."
    }

    precondition {
      condition     = !local.is_one_bucket || length(local.existing_buckets) == 2
      error_message = "The source and the processed bucket are both ${local.source_bucket.name}, and Terraform would create it. Use two buckets; or one that exists, as existing_source_bucket and as existing_processed_bucket."
    }

    precondition {
      condition     = !local.is_one_bucket || length(local.self_triggering) == 0
      error_message = "The source and the processed bucket are both ${local.source_bucket.name}, and the function would process its own output again, forever: trigger_prefix is \"${var.trigger_prefix}\", and the keys of ${join(" and ", local.self_triggering)} match it. Give them different prefixes, such as trigger_prefix = \"uploads/\", key_template = \"images/{directory}{stem}{extension}\" and manifest.key_template = \"images/{directory}{stem}.json\"; or use two buckets."
    }
  }

  # The first upload may arrive as soon as the function exists, so everything it needs is created first.
  depends_on = [terraform_data.package, aws_iam_role_policy.processor, module.metadata, module.events]
}

resource "aws_lambda_function_event_invoke_config" "processor" {
  function_name                = aws_lambda_function.processor.arn # unknown while the function is replaced, so that this is replaced too
  maximum_retry_attempts       = var.retries
  maximum_event_age_in_seconds = var.max_event_age_seconds

  destination_config {
    on_failure { destination = aws_sqs_queue.failures.arn }
  }
}

# The trigger: every object created in the source bucket and, with remove_deleted, every deletion invokes the function, by
# a notification or through EventBridge. With the workflow, EventBridge starts that instead. S3 takes minutes to apply a
# change of a notification, whatever the order, so switching without losing uploads needs both for a while
# (direct_trigger).

locals {
  trigger     = coalesce(var.trigger, var.existing_source_bucket == null ? "notification" : "eventbridge")
  direct      = try(var.workflow.direct_trigger, true) ? local.trigger : null
  eventbridge = local.trigger == "eventbridge" || var.workflow != null
}

resource "aws_lambda_permission" "source" {
  count = var.existing_source_bucket == null ? 1 : 0

  statement_id   = "source-bucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.processor.arn
  principal      = "s3.amazonaws.com"
  source_arn     = local.source_bucket.arn
  source_account = local.account_id
}

# This resource owns all notifications of its bucket, so an existing bucket cannot have it.

resource "aws_s3_bucket_notification" "source" {
  count = var.existing_source_bucket == null ? 1 : 0

  bucket      = local.source_bucket.id
  eventbridge = local.eventbridge

  dynamic "lambda_function" {
    # S3 allows one suffix per filter.
    for_each = local.direct == "notification" ? coalescelist(var.trigger_suffixes, [""]) : []

    content {
      id                  = "uploads${lambda_function.value}" # without it, every apply would generate a new one
      lambda_function_arn = aws_lambda_function.processor.arn
      events              = concat(["s3:ObjectCreated:*"], var.remove_deleted ? ["s3:ObjectRemoved:*"] : [])
      # S3 expects these filters form-encoded, unlike the patterns of EventBridge.
      filter_prefix = replace(urlencode(var.trigger_prefix), "%2F", "/")
      filter_suffix = replace(urlencode(lambda_function.value), "%2F", "/")
    }
  }

  depends_on = [
    aws_lambda_permission.source, aws_lambda_function_event_invoke_config.processor, aws_sqs_queue_policy.failures,
    aws_cloudwatch_event_target.processor, module.workflow,
  ]
}

# One rule for all targets of EventBridge: the function, the workflow or, with direct_trigger, both.

resource "aws_cloudwatch_event_rule" "uploads" {
  count = local.eventbridge ? 1 : 0

  name        = "${local.name}-uploads"
  description = "Uploads to ${local.source_bucket.name} to be processed"
  tags        = var.tags

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = concat(["Object Created"], var.remove_deleted ? ["Object Deleted"] : [])
    detail = {
      bucket = { name = [local.source_bucket.name] }
      # The same meaning as the filters of a bucket notification. variables.tf rules out asterisks.
      object = { key = [for suffix in coalescelist(var.trigger_suffixes, [""]) : { wildcard = replace("${var.trigger_prefix}*${suffix}", "\\", "\\\\") }] }
      # The images of an expired upload stay.
      reason = [{ anything-but = ["Lifecycle Expiration"] }]
    }
  })
}

resource "aws_lambda_permission" "rule" {
  count = local.direct == "eventbridge" ? 1 : 0

  statement_id  = "uploads-rule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.processor.arn
  principal     = "events.amazonaws.com"
  source_arn    = one(aws_cloudwatch_event_rule.uploads[*].arn)
}

resource "aws_cloudwatch_event_target" "processor" {
  count = local.direct == "eventbridge" ? 1 : 0

  rule = one(aws_cloudwatch_event_rule.uploads[*].name)
  arn  = aws_lambda_function.processor.arn

  # Retries until Lambda accepts the event; then Lambda's own retries begin. These are the maximums of EventBridge.
  retry_policy {
    maximum_event_age_in_seconds = 24 * 60 * 60
    maximum_retry_attempts       = 185
  }

  dead_letter_config { arn = aws_sqs_queue.failures.arn }

  depends_on = [aws_lambda_permission.rule, aws_lambda_function_event_invoke_config.processor, aws_sqs_queue_policy.failures]
}

# Optional parts. Each attaches its own policy to the role.

module "metadata" {
  source = "./modules/metadata"
  count  = var.metadata == null ? 0 : 1

  name                = "${local.name}-records"
  role_name           = aws_iam_role.processor.id
  kms_key             = var.metadata.kms_key
  deletion_protection = var.metadata.deletion_protection
  expiration_days     = var.metadata.expiration_days
  tags                = var.tags
}

module "events" {
  source = "./modules/events"
  count  = var.events == null ? 0 : 1

  bus_name  = var.events.bus_name
  role_name = aws_iam_role.processor.id
}

module "upload_api" {
  source = "./modules/upload_api"
  count  = var.upload_api == null ? 0 : 1

  name                = local.name
  role_name           = aws_iam_role.processor.id
  function_arn        = aws_lambda_function.processor.arn
  source_bucket       = { name = local.source_bucket.id, arn = local.source_bucket.arn }
  manage_cors         = var.existing_source_bucket == null
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
  # The function as a task of a state machine, and the errors to retry: those of the Lambda service, a function that was
  # killed or ran out of memory or time, and what the function itself calls transient.
  step = {
    arn             = aws_lambda_function.processor.arn
    timeout_seconds = var.timeout_seconds
    transient_errors = [
      "TransientFailure", "Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory", "States.Timeout",
      "Lambda.TooManyRequestsException", "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.ClientExecutionTimeoutException",
    ]
  }
}

module "cdn" {
  source = "./modules/cdn"
  count  = try(var.cdn.existing, null) != null || var.cdn == null ? 0 : 1

  name               = var.name # CloudFront refuses a name that exists
  bucket_domain_name = local.processed_bucket.domain_name
  domain_names       = var.cdn.domain_names
  certificate_arn    = var.cdn.certificate_arn
  price_class        = var.cdn.price_class
  allowed_origins    = var.cdn.allowed_origins
  public_keys        = var.cdn.public_keys
  access_logs        = var.cdn.access_logs
  tags               = var.tags
}

locals {
  # The CDN that serves the images, created here or existing; null without cdn.
  cdn = one(concat(
    [for cdn in module.cdn : { url = cdn.url, is_private = length(var.cdn.public_keys) > 0 }],
    [for existing in try(var.cdn.existing[*], []) : { url = existing.url, is_private = existing.is_private }],
  ))

  # Only CloudFront can be named in policies.
  distribution_arns = concat(
    module.cdn[*].distribution_arn,
    [for existing in try(var.cdn.existing[*], []) : existing.distribution_arn if existing.distribution_arn != null],
  )

  # The bucket policy decides what may be read, not the paths of the distribution: many URLs encode the same key.
  cdn_bucket_statements = flatten([for arn in local.distribution_arns : [
    {
      Sid       = "CdnReadsImages"
      Effect    = "Allow"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = "s3:GetObject"
      Resource  = local.images
      Condition = { StringEquals = { "aws:SourceArn" = arn } } # the ARN contains the account
    },
    {
      Sid       = "CdnReadsNothingElse"
      Effect    = "Deny"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = "s3:*"
      Resource  = "${local.processed_bucket.arn}/.pipeline/*"
    },
  ]])

  cdn_key_statements = [for arn in var.kms_key == null ? [] : local.distribution_arns : {
    Sid       = "CdnReadsImages"
    Effect    = "Allow"
    Principal = { Service = "cloudfront.amazonaws.com" }
    Action    = "kms:Decrypt"
    Resource  = "*" # in the policy of a key this is the key
    Condition = { StringEquals = { "aws:SourceArn" = arn } }
  }]
}

module "workflow" {
  source   = "./modules/workflow"
  for_each = toset(var.workflow[*].type)

  name               = local.name
  type               = each.key
  review             = var.workflow.review
  function           = local.step
  rule               = one([for rule in aws_cloudwatch_event_rule.uploads : { name = rule.name, arn = rule.arn }])
  failure_queue      = { arn = aws_sqs_queue.failures.arn, url = aws_sqs_queue.failures.url }
  log_retention_days = var.log_retention_days
  xray               = var.xray
  tags               = var.tags
}

module "backfill" {
  source = "./modules/backfill"
  count  = var.backfill == null ? 0 : 1

  name                         = "${local.name}-backfill"
  function                     = local.step
  source_bucket                = { name = local.source_bucket.name, arn = local.source_bucket.arn }
  processed_bucket             = { name = local.processed_bucket.name, arn = local.processed_bucket.arn }
  inventory_bucket             = var.backfill.inventory_bucket
  kms_key                      = var.kms_key
  trigger                      = { prefix = var.trigger_prefix, suffixes = var.trigger_suffixes }
  batch_size                   = var.backfill.batch_size
  max_concurrency              = var.backfill.max_concurrency
  tolerated_failure_percentage = var.backfill.tolerated_failure_percentage
  timeout_hours                = var.backfill.timeout_hours
  log_retention_days           = var.log_retention_days
  xray                         = var.xray
  tags                         = var.tags
}

module "monitoring" {
  source = "./modules/monitoring"
  count  = var.monitoring == null ? 0 : 1

  name = local.name
  function = {
    name                  = aws_lambda_function.processor.function_name
    arn                   = aws_lambda_function.processor.arn
    log_group             = aws_cloudwatch_log_group.processor.name
    architecture          = var.architecture
    memory_mb             = var.memory_mb
    timeout_seconds       = var.timeout_seconds
    max_event_age_seconds = var.max_event_age_seconds
  }
  failure_queue = aws_sqs_queue.failures.name
  workflow = one([for workflow in module.workflow : {
    state_machine_arn = workflow.state_machine_arn
    review_seconds    = try(var.workflow.review.timeout_seconds, 0)
  }])
  rule     = one([for rule in aws_cloudwatch_event_rule.uploads : { name = rule.name }])
  backfill = one([for backfill in module.backfill : { state_machine_arn = backfill.state_machine_arn }])
  table = one([for metadata in module.metadata : {
    name       = metadata.table_name
    operations = concat(["GetItem", "PutItem"], var.upload_api == null ? [] : ["Query"])
  }])
  upload_api               = one([for api in module.upload_api : { id = api.api_id, log_group = api.log_group }])
  emails                   = var.monitoring.emails
  topic_arns               = var.monitoring.topic_arns
  max_invocations_per_hour = var.monitoring.max_invocations_per_hour
  overrides                = var.monitoring.alarms
  monthly_budget           = one([for dollars in var.monitoring.monthly_budget[*] : { dollars = dollars, tag = one([for key in var.monitoring.budget_tag[*] : { key = key, value = var.tags[key] }]) }])
  tags                     = var.tags
}

# The guard: Terraform destroys these invocations before everything else, and thereby invokes the function, which fails if
# images or records would be lost. Then everything is still in place.

locals {
  guarded = merge(
    {
      for role, bucket in local.own_buckets :
      role => { id = bucket.id, question = { bucket = bucket.name, force_destroy = var.force_destroy } }
    },
    {
      for metadata in module.metadata :
      "records" => { id = metadata.table_id, question = { table = metadata.table_name, deletion_protection = var.metadata.deletion_protection } }
    },
  )
}

resource "aws_lambda_invocation" "guard" {
  for_each = local.guarded

  function_name   = aws_lambda_function.processor.function_name
  input           = jsonencode(merge({ step = "guard" }, each.value.question))
  lifecycle_scope = "CRUD"
  triggers        = { id = each.value.id } # replaced together with what it guards

  depends_on = [
    aws_iam_role_policy.processor, aws_s3_bucket_notification.source, aws_sqs_queue_policy.failures,
    module.source, module.processed, module.metadata, module.events, module.upload_api, module.cdn, module.workflow, module.backfill,
  ]
}
