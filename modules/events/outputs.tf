output "bus_name" {
  description = "Name of the event bus"
  value       = data.aws_cloudwatch_event_bus.completions.name
}
