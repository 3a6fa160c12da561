terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# An HTTP API in front of the function, which issues upload forms and reports the status of uploads.

resource "aws_apigatewayv2_api" "uploads" {
  name          = var.name
  description   = "Issues upload forms and reports the status of uploads for ${var.name}"
  protocol_type = "HTTP"
  tags          = var.tags

  dynamic "cors_configuration" {
    for_each = length(var.allowed_origins) == 0 ? [] : [var.allowed_origins]

    content {
      allow_origins = cors_configuration.value
      allow_methods = ["GET", "POST"]
      allow_headers = ["authorization", "content-type", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"]
      max_age       = 600
    }
  }
}

resource "aws_apigatewayv2_integration" "function" {
  api_id                 = aws_apigatewayv2_api.uploads.id
  integration_type       = "AWS_PROXY"
  integration_uri        = var.function_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 15000
}

# With JWT the page and the OpenAPI description are public: they contain no secrets, and a browser cannot send a token when
# it opens a page. With IAM they are not, because only programs can sign requests.

locals {
  authorization = var.jwt != null ? "JWT" : var.public ? "NONE" : "AWS_IAM"

  routes = {
    "POST /uploads"      = local.authorization
    "GET /images"        = local.authorization
    "GET /images/{key+}" = local.authorization
    "GET /"              = local.authorization == "JWT" ? "NONE" : local.authorization
    "GET /openapi.json"  = local.authorization == "JWT" ? "NONE" : local.authorization
  }
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  count = var.jwt == null ? 0 : 1

  api_id           = aws_apigatewayv2_api.uploads.id
  name             = "jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.jwt.issuer
    audience = var.jwt.audience
  }
}

resource "aws_apigatewayv2_route" "uploads" {
  #checkov:skip=CKV_AWS_309:The page and the OpenAPI description are public and contain no secrets.

  for_each = local.routes

  api_id             = aws_apigatewayv2_api.uploads.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.function.id}"
  authorization_type = each.value
  authorizer_id      = each.value == "JWT" ? one(aws_apigatewayv2_authorizer.jwt[*].id) : null
}

resource "aws_apigatewayv2_stage" "uploads" {
  api_id      = aws_apigatewayv2_api.uploads.id
  name        = "$default"
  auto_deploy = true
  tags        = var.tags

  default_route_settings {
    throttling_rate_limit  = var.requests_per_second
    throttling_burst_limit = var.burst
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    # Without the query and the path, because readers of the log need not have access to the images.
    format = jsonencode({
      time       = "$context.requestTime"
      request    = "$context.requestId"
      ip         = "$context.identity.sourceIp"
      caller     = "$context.identity.caller"
      subject    = "$context.authorizer.claims.sub"
      route      = "$context.routeKey"
      status     = "$context.status"
      latency_ms = "$context.responseLatency"
      error      = "$context.error.message"
      refusal    = "$context.authorizer.error"
    })
  }
}

# Log groups with the prefix /aws/vendedlogs/ take no room in CloudWatch Logs' resource policy, whose size is limited.

resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/vendedlogs/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_lambda_permission" "uploads" {
  statement_id  = "upload-api"
  action        = "lambda:InvokeFunction"
  function_name = var.function_arn # unknown while the function is replaced, so that this is replaced too
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.uploads.execution_arn}/*"
}

# Browsers post the forms directly to the bucket, from the page and from the allowed origins. This resource owns all rules
# of its bucket, so an existing bucket cannot have it.

resource "aws_s3_bucket_cors_configuration" "source" {
  count = var.manage_cors ? 1 : 0

  bucket = var.source_bucket.name

  cors_rule {
    allowed_methods = ["POST"]
    allowed_origins = concat([aws_apigatewayv2_api.uploads.api_endpoint], var.allowed_origins)
    allowed_headers = ["content-type"]
    max_age_seconds = 600
  }
}

# The function signs the forms, which cannot permit more than its own role does.

resource "aws_iam_role_policy" "accept_uploads" {
  name = "accept-uploads"
  role = var.role_name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:PutObject"], Resource = "${var.source_bucket.arn}/uploads/*" },
    ]
  })
}

resource "aws_iam_role_policy" "list_records" {
  count = var.table == null ? 0 : 1

  name = "list-records"
  role = var.role_name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["dynamodb:Query"], Resource = ["${var.table.arn}/index/by-owner", "${var.table.arn}/index/by-status"] },
    ]
  })
}
