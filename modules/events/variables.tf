variable "bus_name" {
  description = "Name of the event bus"
  type        = string
}

variable "role_name" {
  description = "Name of the role that sends the events"
  type        = string
}
