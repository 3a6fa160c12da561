variable "name" {
  description = "Name of the bucket"
  type        = string
}

variable "force_destroy" {
  description = "Whether destroying the bucket deletes everything in it"
  type        = bool
}

variable "is_versioned" {
  description = "Whether what is overwritten or deleted can be had again"
  type        = bool
  default     = false
}

variable "kms_key" {
  description = "Customer key that encrypts the bucket, by its ARN; null leaves it to keys that S3 manages"
  type        = object({ arn = string })
  default     = null
}

variable "expiration_days" {
  description = "Days after which an object is deleted; null keeps it for ever"
  type        = number
  default     = null
}

variable "abort_multipart_days" {
  description = "Days after which the parts of an upload that was never completed are deleted"
  type        = number
}

variable "tags" {
  description = "Tags of the bucket"
  type        = map(string)
}
