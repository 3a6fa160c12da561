variable "name" {
  description = "Beginning of every name"
  type        = string
}

variable "type" {
  description = "Type of the state machine: express or standard"
  type        = string
}

variable "review" {
  description = "The function that is asked about every upload, and how long it may take; null for none"
  type        = object({ function_arn = string, timeout_seconds = number })
  default     = null
}

variable "max_concurrency" {
  description = "How many images of one upload are made at once"
  type        = number
}

variable "function" {
  description = "The function that does the work, how long it may take, and which of its failures are tried again"
  type        = object({ arn = string, timeout_seconds = number, transient_errors = list(string) })
}

variable "source_bucket" {
  description = "Name of the bucket that takes the uploads"
  type        = string
}

variable "trigger" {
  description = "Which uploads are processed, and whether removals are"
  type        = object({ prefix = string, suffixes = list(string), remove_deleted = bool })
}

variable "failure_queue" {
  description = "The queue that holds what could not be processed"
  type        = object({ arn = string, url = string })
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
