mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

variables {
  name                = "uploads"
  role_name           = "processor"
  function_arn        = "arn:aws:lambda:eu-central-1:123456789012:function:processor"
  source_bucket       = { name = "source", arn = "arn:aws:s3:::source" }
  manage_cors         = true
  public              = false
  allowed_origins     = []
  requests_per_second = 20
  burst               = 40
  log_retention_days  = 30
  tags                = {}
}

run "every_route_requires_a_signature_by_default" {
  command = plan

  module { source = "./modules/upload_api" }

  assert {
    condition     = { for key, route in aws_apigatewayv2_route.uploads : key => route.authorization_type } == { "GET /" = "AWS_IAM", "GET /images" = "AWS_IAM", "GET /images/{key+}" = "AWS_IAM", "GET /openapi.json" = "AWS_IAM", "POST /uploads" = "AWS_IAM" }
    error_message = "All five routes are there and none is open."
  }

  assert {
    condition     = length(aws_apigatewayv2_authorizer.jwt) == 0 && length(aws_iam_role_policy.list_records) == 0
    error_message = "Neither tokens nor a table are needed."
  }
}

run "tokens_are_required_except_for_the_page_and_the_description" {
  command = plan

  module { source = "./modules/upload_api" }

  variables { jwt = { issuer = "https://id.example.com", audience = ["photos"] } }

  assert {
    condition     = { for key, route in aws_apigatewayv2_route.uploads : key => route.authorization_type } == { "GET /" = "NONE", "GET /images" = "JWT", "GET /images/{key+}" = "JWT", "GET /openapi.json" = "NONE", "POST /uploads" = "JWT" }
    error_message = "Only the page and the description are open."
  }

  assert {
    condition     = aws_apigatewayv2_authorizer.jwt[0].jwt_configuration[0].issuer == "https://id.example.com" && aws_apigatewayv2_authorizer.jwt[0].jwt_configuration[0].audience == toset(["photos"])
    error_message = "The issuer and the audience are those given."
  }
}

run "public_api_is_open_but_throttled" {
  command = plan

  module { source = "./modules/upload_api" }

  variables { public = true }

  assert {
    condition     = alltrue([for route in aws_apigatewayv2_route.uploads : route.authorization_type == "NONE"])
    error_message = "All routes are open."
  }

  assert {
    condition     = aws_apigatewayv2_stage.uploads.default_route_settings[0].throttling_rate_limit == 20 && aws_apigatewayv2_stage.uploads.default_route_settings[0].throttling_burst_limit == 40
    error_message = "Every route is throttled."
  }
}

run "role_may_only_write_uploads_to_the_source" {
  command = plan

  module { source = "./modules/upload_api" }

  assert {
    condition     = jsondecode(aws_iam_role_policy.accept_uploads.policy).Statement == [{ Action = ["s3:PutObject"], Effect = "Allow", Resource = "arn:aws:s3:::source/uploads/*" }]
    error_message = aws_iam_role_policy.accept_uploads.policy
  }
}

run "role_lists_records_with_a_table" {
  command = plan

  module { source = "./modules/upload_api" }

  variables { table = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/records" } }

  assert {
    condition     = jsondecode(aws_iam_role_policy.list_records[0].policy).Statement == [{ Action = ["dynamodb:Query"], Effect = "Allow", Resource = ["${var.table.arn}/index/by-owner", "${var.table.arn}/index/by-status"] }]
    error_message = aws_iam_role_policy.list_records[0].policy
  }
}

run "only_this_api_invokes_the_function" {
  command = plan

  module { source = "./modules/upload_api" }

  assert {
    condition     = [aws_lambda_permission.uploads.principal, aws_lambda_permission.uploads.source_arn] == ["apigateway.amazonaws.com", "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/*"]
    error_message = "No other API may."
  }
}

run "only_the_page_may_post_to_the_bucket_by_default" {
  command = plan

  module { source = "./modules/upload_api" }

  assert {
    condition     = length(aws_apigatewayv2_api.uploads.cors_configuration) == 0
    error_message = "No other origin may call the API."
  }

  assert {
    condition     = one(aws_s3_bucket_cors_configuration.source[0].cors_rule).allowed_origins == toset(["https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"]) && one(aws_s3_bucket_cors_configuration.source[0].cors_rule).allowed_methods == toset(["POST"])
    error_message = "No other origin may upload, and none may read."
  }
}

run "named_origins_may_call_the_api_and_upload" {
  command = plan

  module { source = "./modules/upload_api" }

  variables { allowed_origins = ["https://example.com"] }

  assert {
    condition     = aws_apigatewayv2_api.uploads.cors_configuration[0].allow_origins == toset(["https://example.com"])
    error_message = "The API answers the named origin."
  }

  assert {
    condition     = contains(one(aws_s3_bucket_cors_configuration.source[0].cors_rule).allowed_origins, "https://example.com")
    error_message = "The bucket answers the named origin."
  }
}

run "requests_are_logged_without_the_addresses_of_images" {
  command = plan

  module { source = "./modules/upload_api" }

  assert {
    condition     = contains(values(jsondecode(aws_apigatewayv2_stage.uploads.access_log_settings[0].format)), "$context.routeKey") && !strcontains(aws_apigatewayv2_stage.uploads.access_log_settings[0].format, "$context.path")
    error_message = aws_apigatewayv2_stage.uploads.access_log_settings[0].format
  }
}

run "access_log_has_the_vendedlogs_prefix" {
  command = plan

  module { source = "./modules/upload_api" }

  assert {
    condition     = aws_cloudwatch_log_group.access.name == "/aws/vendedlogs/apigateway/uploads"
    error_message = aws_cloudwatch_log_group.access.name
  }
}

run "existing_bucket_keeps_its_cors_rules" {
  command = plan

  module { source = "./modules/upload_api" }

  variables { manage_cors = false }

  assert {
    condition     = length(aws_s3_bucket_cors_configuration.source) == 0
    error_message = "The resource would replace all of them."
  }
}
