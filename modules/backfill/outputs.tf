output "state_machine_arn" {
  description = "ARN of the state machine"
  value       = module.state_machine.arn
}

output "results_prefix" {
  description = "Beginning of the keys that results are written under, before the name of the execution"
  value       = local.results_prefix
}

output "attempts" {
  description = "How often a batch is tried at most"
  value       = local.attempts
}

output "inventory_bucket" {
  description = "Name of the bucket that S3 Inventory reports lie in; null if none are used"
  value       = one([for bucket in var.inventory_bucket[*] : split(":::", bucket.arn)[1]])
}
