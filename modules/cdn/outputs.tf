output "distribution_arn" {
  description = "ARN of the distribution"
  value       = aws_cloudfront_distribution.images.arn
}

output "distribution_id" {
  description = "ID of the distribution"
  value       = aws_cloudfront_distribution.images.id
}

output "domain_name" {
  description = "CloudFront's domain name of the distribution"
  value       = aws_cloudfront_distribution.images.domain_name
}

output "url" {
  description = "URL below which the images are, without a slash at the end"
  value       = "https://${length(var.domain_names) == 0 ? aws_cloudfront_distribution.images.domain_name : var.domain_names[0]}"
}

output "key_ids" {
  description = "IDs of the public keys by name, which signed URLs contain"
  value       = { for name, key in aws_cloudfront_public_key.signers : name => key.id }
}
