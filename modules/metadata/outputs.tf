output "table_id" {
  description = "Name of the table, but unknown while the table is replaced"
  value       = aws_dynamodb_table.records.id
}

output "table_name" {
  description = "Name of the table"
  value       = aws_dynamodb_table.records.name
}

output "table_arn" {
  description = "ARN of the table"
  value       = aws_dynamodb_table.records.arn
}

output "environment" {
  description = "The setting that turns records on in the function"
  value = jsonencode({
    for field, value in { table = aws_dynamodb_table.records.name, days_kept = var.expiration_days } :
    field => value if value != null
  })
}
