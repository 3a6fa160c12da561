variable "name" {
  description = "Prefix of every name, and the value of the dimension service of the function's own metrics"
  type        = string
}

variable "function" {
  description = "Function to watch, with the settings from which thresholds derive"
  type = object({
    name                  = string
    arn                   = string
    log_group             = string
    architecture          = string
    memory_mb             = number
    timeout_seconds       = number
    max_event_age_seconds = number
  })
}

variable "failure_queue" {
  description = "Name of the queue with the uploads that could not be processed"
  type        = string
}

variable "workflow" {
  description = "State machine that invokes the function, and how long a review may take; null if there is none"
  type        = object({ state_machine_arn = string, review_seconds = number })
  default     = null
}

variable "rule" {
  description = "EventBridge rule that delivers uploads; null if S3 notifies the function"
  type        = object({ name = string })
  default     = null
}

variable "backfill" {
  description = "State machine that processes existing objects; null if there is none"
  type        = object({ state_machine_arn = string })
  default     = null
}

variable "table" {
  description = "Table with the records, and the operations that the function performs; null if there is none"
  type        = object({ name = string, operations = list(string) })
  default     = null
}

variable "upload_api" {
  description = "HTTP API in front of the function; null if there is none"
  type        = object({ id = string, log_group = string })
  default     = null
}

variable "emails" {
  description = "Addresses that receive a message for every alarm"
  type        = list(string)
}

variable "topic_arns" {
  description = "ARNs of existing topics that receive a message for every alarm"
  type        = list(string)
}

variable "max_invocations_per_hour" {
  description = "Invocations per hour above which something is wrong"
  type        = number
}

variable "overrides" {
  description = "Overrides of the defaults, by alarm"
  type        = map(object({ enabled = bool, threshold = optional(number), in_composite = optional(bool) }))
}

variable "monthly_budget" {
  description = "US dollars per month, and the tag to which they are limited; null for none"
  type        = object({ dollars = number, tag = optional(object({ key = string, value = string })) })
  default     = null
}

variable "tags" {
  description = "Tags for every resource that supports them"
  type        = map(string)
}
