variable "name" {
  description = "Name of the state machine and its role, and the end of that of its log group"
  type        = string
}

variable "type" {
  description = "Type of the state machine: EXPRESS or STANDARD"
  type        = string
}

variable "definition" {
  description = "Its states, as JSON"
  type        = string
}

variable "permissions" {
  description = "What it may do: the statements of one policy for each capability, or null"
  type        = map(list(object({ Effect = string, Action = list(string), Resource = string })))
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
