output "arn" {
  description = "ARN of the state machine"
  value       = aws_sfn_state_machine.machine.arn
}

output "role_name" {
  description = "Name of the role"
  value       = aws_iam_role.machine.id
}
