variable "name" {
  description = "Name of the table"
  type        = string
}

variable "role_name" {
  description = "Name of the role that writes the records"
  type        = string
}

variable "kms_key" {
  description = "Customer key that encrypts the table, by its ARN; null leaves it to a key that DynamoDB owns"
  type        = object({ arn = string })
  default     = null
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted"
  type        = bool
}

variable "expiration_days" {
  description = "Days that a record is kept after its last change; null keeps it for ever"
  type        = number
  default     = null
}

variable "tags" {
  description = "Tags of the table"
  type        = map(string)
}
