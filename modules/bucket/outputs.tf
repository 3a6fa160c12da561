output "name" {
  description = "Name of the bucket"
  value       = aws_s3_bucket.pictures.bucket
}

output "id" {
  description = "Name of the bucket, but unknown while the bucket is replaced, so that what depends on it is replaced too"
  value       = aws_s3_bucket.pictures.id
}

output "domain_name" {
  description = "Regional domain name of the bucket"
  value       = aws_s3_bucket.pictures.bucket_regional_domain_name
}

output "arn" {
  description = "ARN of the bucket"
  value       = aws_s3_bucket.pictures.arn
}
