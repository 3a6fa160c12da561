variable "name" {
  description = "Prefix of every name"
  type        = string
}

variable "type" {
  description = "Type of the state machine: express or standard"
  type        = string
}

variable "review" {
  description = "Function that allows or refuses every upload, and its timeout; null for none"
  type        = object({ function_arn = string, timeout_seconds = number })
  default     = null
}

variable "function" {
  description = "Function that processes uploads, its timeout, and which of its errors to retry"
  type        = object({ arn = string, timeout_seconds = number, transient_errors = list(string) })
}

variable "rule" {
  description = "EventBridge rule for the uploads to process"
  type        = object({ name = string, arn = string })
}

variable "failure_queue" {
  description = "Queue for uploads that could not be processed"
  type        = object({ arn = string, url = string })
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
