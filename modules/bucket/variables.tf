variable "name" {
  description = "Name of the bucket"
  type        = string
}

variable "force_destroy" {
  description = "Whether Terraform deletes the bucket even if it contains objects"
  type        = bool
}

variable "is_versioned" {
  description = "Whether overwritten and deleted objects can be restored"
  type        = bool
  default     = false
}

variable "kms_key" {
  description = "KMS key that encrypts the bucket; null uses keys managed by S3"
  type        = object({ arn = string })
  default     = null
}

variable "expiration_days" {
  description = "Days until an object is deleted; null keeps it forever"
  type        = number
  default     = null
}

variable "retired_days" {
  description = "Days until an object with the tag retired = true is deleted; null keeps it"
  type        = number
  default     = null
}

variable "noncurrent_days" {
  description = "Days until an old version is deleted; null keeps it forever"
  type        = number
  default     = null
}

variable "abort_multipart_days" {
  description = "Days until the parts of an incomplete multipart upload are deleted"
  type        = number
}

variable "policy_statements" {
  description = "Further statements of the bucket policy"
  type        = any # tuples of objects, which differ from each other
  default     = []
}

variable "tags" {
  description = "Tags of the bucket"
  type        = map(string)
}
