output "endpoint" {
  description = "URL of the API and its page"
  value       = aws_apigatewayv2_api.uploads.api_endpoint
}

output "api_id" {
  description = "ID of the API"
  value       = aws_apigatewayv2_api.uploads.id
}

output "execution_arn" {
  description = "Prefix of the ARNs of its routes, for policies that allow execute-api:Invoke"
  value       = aws_apigatewayv2_api.uploads.execution_arn
}

output "log_group" {
  description = "Name of the log group with one line per request"
  value       = aws_cloudwatch_log_group.access.name
}
