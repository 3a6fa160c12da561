variable "name" {
  description = "Name of the state machine and its role, and the end of that of its log group"
  type        = string
}

variable "function" {
  description = "The function that does the work, how long it may take, and which of its failures are tried again"
  type        = object({ arn = string, timeout_seconds = number, transient_errors = list(string) })
}

variable "source_bucket" {
  description = "The bucket that holds the uploads"
  type        = object({ name = string, arn = string })
}

variable "processed_bucket" {
  description = "The bucket that the results are written to"
  type        = object({ name = string, arn = string })
}

variable "inventory_bucket" {
  description = "Bucket that S3 Inventory reports lie in, by its ARN; null if none are used"
  type        = object({ arn = string })
  default     = null
}

variable "kms_key" {
  description = "Customer key that encrypts the buckets, by its ARN; null if there is none"
  type        = object({ arn = string })
  default     = null
}

variable "trigger" {
  description = "Which uploads are processed"
  type        = object({ prefix = string, suffixes = list(string) })
}

variable "reviewed_only" {
  description = "Whether what was never published is left alone, because a review has to allow it first"
  type        = bool
}

variable "batch_size" {
  description = "How many objects one invocation is given"
  type        = number
}

variable "max_concurrency" {
  description = "How many invocations run at once"
  type        = number
}

variable "tolerated_failure_percentage" {
  description = "Of the objects, from which on the rest is not tried"
  type        = number
}

variable "timeout_hours" {
  description = "Hours after which it ends in any case"
  type        = number
}

variable "log_retention_days" {
  description = "Days that the log is kept"
  type        = number
}

variable "xray" {
  description = "Whether executions are traced with X-Ray"
  type        = bool
}

variable "tags" {
  description = "Tags for everything that takes tags"
  type        = map(string)
}
