variable "name" {
  description = "Name of the table"
  type        = string
}

variable "role_name" {
  description = "Name of the role that writes the records"
  type        = string
}

variable "kms_key" {
  description = "KMS key that encrypts the table; null uses a key owned by DynamoDB"
  type        = object({ arn = string })
  default     = null
}

variable "deletion_protection" {
  description = "Whether DynamoDB refuses to delete the table"
  type        = bool
}

variable "expiration_days" {
  description = "Days from the last change of a record until it is deleted; null keeps it forever"
  type        = number
  default     = null
}

variable "tags" {
  description = "Tags of the table"
  type        = map(string)
}
