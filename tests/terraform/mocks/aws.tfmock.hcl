# Realistic responses: the provider validates ARNs and account IDs even when mocked.

mock_data "aws_caller_identity" {
  defaults = {
    account_id = "123456789012"
  }
}

override_resource {
  target = module.source[0].aws_s3_bucket.pictures
  values = {
    arn = "arn:aws:s3:::source"
  }
}

override_resource {
  target = module.processed[0].aws_s3_bucket.pictures
  values = {
    arn = "arn:aws:s3:::processed"
  }
}

mock_data "aws_region" {
  defaults = {
    id = "eu-central-1"
  }
}

override_data {
  target = data.aws_s3_bucket.existing["photos"]
  values = {
    arn                         = "arn:aws:s3:::photos"
    bucket_regional_domain_name = "photos.s3.eu-central-1.amazonaws.com"
  }
}

override_data {
  target = data.aws_s3_bucket.existing["web.images"]
  values = {
    arn                         = "arn:aws:s3:::web.images"
    bucket_regional_domain_name = "web.images.s3.eu-central-1.amazonaws.com"
  }
}

mock_resource "aws_s3_bucket" {
  defaults = {
    arn = "arn:aws:s3:::pictures"
  }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:failures"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/failures"
  }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = {
    arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/processor"
  }
}

mock_resource "aws_iam_role" {
  defaults = {
    arn = "arn:aws:iam::123456789012:role/processor"
  }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn         = "arn:aws:lambda:eu-central-1:123456789012:function:processor"
    code_sha256 = "TOrzoGOhP6eM1yHJ4UgWNI4sq5BrdMwtZvtsYhUpmfg=" # of font.ttf
  }
}

mock_resource "aws_dynamodb_table" {
  defaults = {
    arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/records"
  }
}

mock_data "aws_cloudwatch_event_bus" {
  defaults = {
    arn = "arn:aws:events:eu-central-1:123456789012:event-bus/default"
  }
}

mock_resource "aws_apigatewayv2_api" {
  defaults = {
    api_endpoint  = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
    execution_arn = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5"
  }
}

mock_resource "aws_sfn_state_machine" {
  defaults = {
    arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:machine"
  }
}

mock_resource "aws_cloudwatch_event_rule" {
  defaults = {
    arn = "arn:aws:events:eu-central-1:123456789012:rule/uploads"
  }
}

mock_resource "aws_cloudfront_distribution" {
  defaults = {
    arn         = "arn:aws:cloudfront::123456789012:distribution/E1A2B3C4D5E6F7"
    domain_name = "d111111abcdef8.cloudfront.net"
  }
}

mock_resource "aws_cloudfront_origin_access_control" {
  defaults = {
    id = "E327GJI25M56DG"
  }
}

mock_resource "aws_cloudfront_cache_policy" {
  defaults = {
    id = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  }
}

mock_resource "aws_cloudfront_response_headers_policy" {
  defaults = {
    id = "60669652-455b-4ae9-85a4-c4c02393f86c"
  }
}

mock_resource "aws_cloudfront_public_key" {
  defaults = {
    id = "K2JCJMDEHXQW5F"
  }
}

mock_resource "aws_cloudfront_key_group" {
  defaults = {
    id = "b9c7d5d1-6b6b-4b6b-9b6b-1b6b6b6b6b6b"
  }
}

mock_resource "aws_cloudwatch_metric_alarm" {
  defaults = {
    arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:one"
  }
}

mock_resource "aws_cloudwatch_composite_alarm" {
  defaults = {
    arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:any"
  }
}

mock_resource "aws_kms_key" {
  defaults = {
    arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }
}

mock_resource "aws_sns_topic" {
  defaults = {
    arn = "arn:aws:sns:eu-central-1:123456789012:pets-alarms"
  }
}
