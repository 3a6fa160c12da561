output "endpoint" {
  description = "Address of the API, and of its page"
  value       = aws_apigatewayv2_api.uploads.api_endpoint
}

output "api_id" {
  description = "Id of the API"
  value       = aws_apigatewayv2_api.uploads.id
}

output "execution_arn" {
  description = "Beginning of the ARNs of its routes, for policies that allow execute-api:Invoke"
  value       = aws_apigatewayv2_api.uploads.execution_arn
}
