output "source_bucket" {
  description = "Name of the bucket for uploads"
  value       = local.source_bucket.name
}

output "processed_bucket" {
  description = "Name of the bucket for processed images"
  value       = local.processed_bucket.name
}

output "function_name" {
  description = "Name of the function"
  value       = aws_lambda_function.processor.function_name
}

output "function_arn" {
  description = "ARN of the function"
  value       = aws_lambda_function.processor.arn
}

output "log_group" {
  description = "Name of the function's log group"
  value       = aws_cloudwatch_log_group.processor.name
}

output "failure_queue_url" {
  description = "URL of the queue with the uploads that could not be processed, and the reasons"
  value       = aws_sqs_queue.failures.url
}

locals {
  photo = "photo${try(var.trigger_suffixes[0], ".jpg")}"
  # If the URL ends in a slash, `aws s3 cp` appends the name of the file.
  photo_url = "s3://${local.source_bucket.name}/${var.trigger_prefix}${endswith("/${var.trigger_prefix}", "/") ? "" : local.photo}"
}

output "upload_command" {
  description = "Shell command that uploads an image"
  value = join(" ", concat(["aws", "s3", "cp"], [
    for word in [local.photo, local.photo_url] : can(regex("^[0-9A-Za-z/:.,_+@%=-]+$", word)) ? word : "'${replace(word, "'", "'\\''")}'"
  ]))
}

output "metadata_table" {
  description = "Name of the table with the records; null without metadata"
  value       = one(module.metadata[*].table_name)
}

output "upload_api_endpoint" {
  description = "URL of the upload API and its page; null without upload_api"
  value       = one(module.upload_api[*].endpoint)
}

output "upload_api_execution_arn" {
  description = "Prefix of the ARNs of the upload API's routes, for policies that allow execute-api:Invoke; null without upload_api"
  value       = one(module.upload_api[*].execution_arn)
}

output "upload_api_id" {
  description = "ID of the upload API; null without upload_api"
  value       = one(module.upload_api[*].api_id)
}

output "cdn_url" {
  description = "URL below which the CDN serves the processed bucket, without a slash at the end; null without cdn"
  value       = try(local.cdn.url, null)
}

output "cdn_domain_name" {
  description = "CloudFront's domain name of the distribution, for your DNS records; null unless Terraform creates it"
  value       = one(module.cdn[*].domain_name)
}

output "cdn_distribution_id" {
  description = "ID of the distribution, for invalidations; null unless Terraform creates it"
  value       = one(module.cdn[*].distribution_id)
}

output "cdn_key_ids" {
  description = "IDs of the public keys of the CDN by name, for signing URLs; null unless Terraform creates the distribution"
  value       = one(module.cdn[*].key_ids)
}

output "cdn_bucket_policy_statements" {
  description = "Statements that the policy of the processed bucket needs for the CDN; Terraform adds them if it creates the bucket"
  value       = local.cdn_bucket_statements
}

output "cdn_key_policy_statements" {
  description = "Statements that the policy of kms_key needs for the CDN; empty without either"
  value       = local.cdn_key_statements
}

output "workflow_arn" {
  description = "ARN of the workflow's state machine; null without workflow"
  value       = one(values(module.workflow)[*].state_machine_arn)
}

output "backfill" {
  description = "Details of this deployment for `make backfill`; null without backfill"
  value = one([for backfill in module.backfill : {
    state_machine_arn            = backfill.state_machine_arn
    source_bucket                = local.source_bucket.name
    processed_bucket             = local.processed_bucket.name
    failure_queue_url            = aws_sqs_queue.failures.id
    inventory_bucket             = backfill.inventory_bucket
    results_prefix               = backfill.results_prefix
    prefix                       = var.trigger_prefix
    suffixes                     = var.trigger_suffixes
    batch_size                   = var.backfill.batch_size
    max_concurrency              = var.backfill.max_concurrency
    tolerated_failure_percentage = var.backfill.tolerated_failure_percentage
    attempts                     = backfill.attempts
    function_name                = aws_lambda_function.processor.function_name
    memory_mb                    = var.memory_mb
    architecture                 = var.architecture
    timeout_seconds              = var.timeout_seconds
    variants                     = sum([for variant in var.variants : length(coalesce(variant.widths, [0])) * length(coalesce(variant.formats, ["keep"]))])
  }])
}

output "alarm_arn" {
  description = "ARN of the composite alarm; null without monitoring"
  value       = one(module.monitoring[*].alarm_arn)
}

output "alarm_topic_arn" {
  description = "ARN of the topic that sends alarms by e-mail; null without monitoring.emails"
  value       = one(module.monitoring[*].topic_arn)
}

output "dashboard_url" {
  description = "URL of the dashboard in the console; null without monitoring"
  value       = one(module.monitoring[*].dashboard_url)
}
