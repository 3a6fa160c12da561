variable "name" {
  description = "Name of the state machine and its role, and suffix of the name of its log group"
  type        = string
}

variable "function" {
  description = "Function that processes uploads, its timeout, and which of its errors to retry"
  type        = object({ arn = string, timeout_seconds = number, transient_errors = list(string) })
}

variable "source_bucket" {
  description = "Bucket for uploads"
  type        = object({ name = string, arn = string })
}

variable "processed_bucket" {
  description = "Bucket for processed images"
  type        = object({ name = string, arn = string })
}

variable "inventory_bucket" {
  description = "Bucket with S3 Inventory reports; null for none"
  type        = object({ arn = string })
  default     = null
}

variable "kms_key" {
  description = "KMS key that encrypts the buckets; null if there is none"
  type        = object({ arn = string })
  default     = null
}

variable "trigger" {
  description = "Which uploads to process"
  type        = object({ prefix = string, suffixes = list(string) })
}

variable "batch_size" {
  description = "Objects per invocation of the function"
  type        = number
}

variable "max_concurrency" {
  description = "Concurrent invocations"
  type        = number
}

variable "tolerated_failure_percentage" {
  description = "Percentage of failed objects above which the backfill stops"
  type        = number
}

variable "timeout_hours" {
  description = "Hours after which the backfill stops"
  type        = number
}

variable "log_retention_days" {
  description = "Days until log events are deleted; 0 keeps them forever"
  type        = number
}

variable "xray" {
  description = "Whether to trace executions with X-Ray"
  type        = bool
}

variable "tags" {
  description = "Tags for every resource that supports them"
  type        = map(string)
}
