variable "name" {
  description = "Name of the policies, and prefix of the names of keys"
  type        = string
}

variable "bucket_domain_name" {
  description = "Regional domain name of the bucket with the images"
  type        = string
}

variable "domain_names" {
  description = "Alternate domain names of the distribution; URLs contain the first; empty for CloudFront's own"
  type        = list(string)
}

variable "certificate_arn" {
  description = "ARN of the certificate for these domain names; null for CloudFront's own"
  type        = string
  default     = null
}

variable "price_class" {
  description = "Where images are cached"
  type        = string
}

variable "allowed_origins" {
  description = "Origins of pages whose scripts may read images"
  type        = list(string)
}

variable "public_keys" {
  description = "PEM of public keys by name; every URL must be signed with one of their private keys; empty for public images"
  type        = map(string)
}

variable "access_logs" {
  description = "Bucket for access logs, and the prefix of their keys; null for none"
  type        = object({ bucket = string, prefix = string })
  default     = null
}

variable "tags" {
  description = "Tags of the distribution"
  type        = map(string)
}
