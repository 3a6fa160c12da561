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
