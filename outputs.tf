output "source_bucket" {
  description = "Name of the bucket that takes the uploads"
  value       = module.source.name
}

output "processed_bucket" {
  description = "Name of the bucket that the results appear in"
  value       = module.processed.name
}

output "function_name" {
  description = "Name of the function that makes the images"
  value       = aws_lambda_function.processor.function_name
}

output "function_arn" {
  description = "ARN of the function that makes the images"
  value       = aws_lambda_function.processor.arn
}

output "log_group" {
  description = "Name of the function's log group"
  value       = aws_cloudwatch_log_group.processor.name
}

output "failure_queue_url" {
  description = "Address of the queue that holds what could not be processed, and why"
  value       = aws_sqs_queue.failures.url
}

locals {
  photo = "photo${try(var.trigger_suffixes[0], ".jpg")}"
  # In a bucket, and under what ends in a slash, `aws s3 cp` gives the object the name of the file.
  photo_url = "s3://${module.source.name}/${var.trigger_prefix}${endswith("/${var.trigger_prefix}", "/") ? "" : local.photo}"
}

output "upload_command" {
  description = "A command for the shell that uploads an image"
  value = join(" ", concat(["aws", "s3", "cp"], [
    for word in [local.photo, local.photo_url] : can(regex("^[0-9A-Za-z/:.,_+@%=-]+$", word)) ? word : "'${replace(word, "'", "'\\''")}'"
  ]))
}

output "metadata_table" {
  description = "Name of the table of records; null without metadata"
  value       = one(module.metadata[*].table_name)
}

output "upload_api_endpoint" {
  description = "Address of the upload API, and of its page; null without upload_api"
  value       = one(module.upload_api[*].endpoint)
}

output "upload_api_execution_arn" {
  description = "Beginning of the ARNs of the upload API's routes, for policies that allow execute-api:Invoke; null without upload_api"
  value       = one(module.upload_api[*].execution_arn)
}

output "upload_api_id" {
  description = "Id of the upload API; null without upload_api"
  value       = one(module.upload_api[*].api_id)
}

output "workflow_arn" {
  description = "ARN of the workflow's state machine; null without workflow"
  value       = one(module.workflow[*].state_machine_arn)
}

output "backfill" {
  description = "What `make backfill` needs to know of this deployment; null without backfill"
  value = one([for backfill in module.backfill : {
    state_machine_arn            = backfill.state_machine_arn
    source_bucket                = module.source.name
    processed_bucket             = module.processed.name
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
    variants                     = length(var.variants)
  }])
}
