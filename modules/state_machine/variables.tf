variable "name" {
  description = "Name of the state machine and its role, and suffix of the name of its log group"
  type        = string
}

variable "type" {
  description = "Type of the state machine: EXPRESS or STANDARD"
  type        = string
}

variable "definition" {
  description = "Definition in Amazon States Language, as JSON"
  type        = string
}

variable "permissions" {
  description = "Statements of one policy per capability; null for none"
  type        = map(list(object({ Effect = string, Action = list(string), Resource = string, Condition = optional(map(map(string))) })))
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
