output "name" {
  description = "Name of the bucket"
  value       = aws_s3_bucket.pictures.bucket
}

output "arn" {
  description = "ARN of the bucket"
  value       = aws_s3_bucket.pictures.arn
}
