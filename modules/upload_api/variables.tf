variable "name" {
  description = "Name of the API"
  type        = string
}

variable "role_name" {
  description = "Name of the function's role, which signs the forms"
  type        = string
}

variable "function_name" {
  description = "Name of the function that answers"
  type        = string
}

variable "function_arn" {
  description = "ARN of the function that answers"
  type        = string
}

variable "source_bucket" {
  description = "The bucket that takes the uploads"
  type        = object({ name = string, arn = string })
}

variable "table" {
  description = "The table of records, by its ARN; null if there is none"
  type        = object({ arn = string })
  default     = null
}

variable "jwt" {
  description = "Whose tokens are accepted, and for whom they must be issued; null for none"
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
  description = "Requests that are answered in a second, in the long run"
  type        = number
}

variable "burst" {
  description = "Requests that are answered at once"
  type        = number
}

variable "log_retention_days" {
  description = "Days that the access log is kept"
  type        = number
}

variable "tags" {
  description = "Tags for everything that takes tags"
  type        = map(string)
}
