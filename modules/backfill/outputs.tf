output "state_machine_arn" {
  description = "ARN of the state machine"
  value       = module.state_machine.arn
}

output "results_prefix" {
  description = "Prefix of the keys of the results, followed by the name of the execution"
  value       = local.results_prefix
}

output "attempts" {
  description = "Maximum number of attempts per batch"
  value       = local.attempts
}

output "inventory_bucket" {
  description = "Name of the bucket with S3 Inventory reports; null for none"
  value       = one([for bucket in var.inventory_bucket[*] : split(":::", bucket.arn)[1]])
}
