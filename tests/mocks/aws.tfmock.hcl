# What AWS would answer, in its own form: the provider checks ARNs and account ids even when mocked.

mock_data "aws_caller_identity" {
  defaults = {
    account_id = "123456789012"
  }
}

override_resource {
  target = aws_s3_bucket.source
  values = {
    arn = "arn:aws:s3:::source"
  }
}

override_resource {
  target = aws_s3_bucket.processed
  values = {
    arn = "arn:aws:s3:::processed"
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
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:processor"
  }
}
