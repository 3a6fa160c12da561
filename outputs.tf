output "source_bucket" {
  description = "Name of the bucket that takes the uploads"
  value       = aws_s3_bucket.source.bucket
}

output "processed_bucket" {
  description = "Name of the bucket that the results appear in"
  value       = aws_s3_bucket.processed.bucket
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

output "upload_command" {
  description = "A command that uploads an image"
  value       = "aws s3 cp photo.jpg s3://${aws_s3_bucket.source.bucket}/${var.trigger_prefix}"
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
