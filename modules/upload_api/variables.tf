variable "name" {
  description = "Name of the API"
  type        = string
}

variable "role_name" {
  description = "Name of the function's role, which signs the forms"
  type        = string
}

variable "function_arn" {
  description = "ARN of the function that handles requests"
  type        = string
}

variable "source_bucket" {
  description = "Bucket for uploads"
  type        = object({ name = string, arn = string })
}

variable "manage_cors" {
  description = "Whether to let browsers post to the bucket, by a configuration that replaces all its rules"
  type        = bool
}

variable "table" {
  description = "Table with the records; null if there is none"
  type        = object({ arn = string })
  default     = null
}

variable "jwt" {
  description = "OIDC issuer and audiences of the tokens to accept; null for none"
  type        = object({ issuer = string, audience = list(string) })
  default     = null
}

variable "public" {
  description = "Whether everyone may call the API"
  type        = bool
}

variable "allowed_origins" {
  description = "Origins of other pages that may call the API and upload"
  type        = list(string)
}

variable "requests_per_second" {
  description = "Sustained throttling limit"
  type        = number
}

variable "burst" {
  description = "Momentary throttling limit"
  type        = number
}

variable "log_retention_days" {
  description = "Days until access log events are deleted; 0 keeps them forever"
  type        = number
}

variable "tags" {
  description = "Tags for every resource that supports them"
  type        = map(string)
}
