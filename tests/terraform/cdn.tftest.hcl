mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

run "cdn_is_off_by_default" {
  command = plan

  assert {
    condition     = length(module.cdn) == 0 && output.cdn_url == null && length(output.cdn_bucket_policy_statements) == 0
    error_message = "Without cdn there is none."
  }

  assert {
    condition     = !contains(keys(aws_lambda_function.processor.environment[0].variables), "CDN_URL")
    error_message = "The function must not have a manifest."
  }
}

run "cdn_is_on_with_an_empty_object" {
  command = plan

  variables { cdn = {} }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.CDN_URL == "https://d111111abcdef8.cloudfront.net" && output.cdn_url == "https://d111111abcdef8.cloudfront.net"
    error_message = "The function and the operator learn the URL."
  }

  assert {
    condition     = output.cdn_domain_name == "d111111abcdef8.cloudfront.net" && output.cdn_key_ids == {}
    error_message = "DNS records need the name."
  }

  assert {
    condition = jsondecode(jsonencode(output.cdn_bucket_policy_statements))[0] == {
      Sid       = "CdnReadsImages"
      Effect    = "Allow"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = "s3:GetObject"
      Resource  = ["arn:aws:s3:::processed/*"]
      Condition = { StringEquals = { "aws:SourceArn" = "arn:aws:cloudfront::123456789012:distribution/E1A2B3C4D5E6F7" } }
    }
    error_message = jsonencode(output.cdn_bucket_policy_statements)
  }

  assert {
    condition = jsondecode(jsonencode(output.cdn_bucket_policy_statements))[1] == {
      Sid       = "CdnReadsNothingElse"
      Effect    = "Deny"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = "s3:*"
      Resource  = "arn:aws:s3:::processed/.pipeline/*"
    }
    error_message = jsonencode(output.cdn_bucket_policy_statements)
  }

  assert {
    condition     = length(output.cdn_key_policy_statements) == 0
    error_message = jsonencode(output.cdn_key_policy_statements)
  }
}

run "cdn_reads_only_images_in_one_bucket_for_both" {
  command = plan

  variables {
    cdn                       = {}
    existing_source_bucket    = "photos"
    existing_processed_bucket = "photos"
    trigger_prefix            = "originals/"
    key_template              = "web/{directory}{stem}{extension}"
  }

  assert {
    condition     = output.cdn_bucket_policy_statements[0].Resource == ["arn:aws:s3:::photos/web/*"]
    error_message = "Uploads stay private."
  }
}

run "existing_distribution_may_read_and_none_is_created" {
  command = plan

  variables {
    cdn = { existing = { distribution_arn = "arn:aws:cloudfront::210987654321:distribution/E7F6E5D4C3B2A1", url = "https://www.example.com/images" } }
  }

  assert {
    condition     = length(module.cdn) == 0 && output.cdn_url == "https://www.example.com/images"
    error_message = "No distribution must be created."
  }

  assert {
    condition     = output.cdn_bucket_policy_statements[0].Condition.StringEquals["aws:SourceArn"] == "arn:aws:cloudfront::210987654321:distribution/E7F6E5D4C3B2A1"
    error_message = "It may read the bucket."
  }
}

run "cdn_other_than_cloudfront_gets_no_permission" {
  command = plan

  variables {
    cdn     = { existing = { url = "https://images.example.com" } }
    kms_key = { arn = "arn:aws:kms:eu-central-1:123456789012:key/photos" }
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.CDN_URL == "https://images.example.com" && length(output.cdn_bucket_policy_statements) + length(output.cdn_key_policy_statements) == 0
    error_message = "Only CloudFront can be named in a policy."
  }
}

run "customer_managed_key_must_allow_the_cdn" {
  command = plan

  variables {
    cdn     = {}
    kms_key = { arn = "arn:aws:kms:eu-central-1:123456789012:key/photos" }
  }

  assert {
    condition = jsondecode(jsonencode(output.cdn_key_policy_statements)) == [{
      Sid       = "CdnReadsImages"
      Effect    = "Allow"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = "kms:Decrypt"
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceArn" = "arn:aws:cloudfront::123456789012:distribution/E1A2B3C4D5E6F7" } }
    }]
    error_message = jsonencode(output.cdn_key_policy_statements)
  }
}

run "upload_api_links_to_a_public_cdn" {
  command = plan

  variables {
    cdn        = {}
    metadata   = {}
    upload_api = {}
  }

  assert {
    condition     = !contains(keys(jsondecode(aws_lambda_function.processor.environment[0].variables.UPLOAD_API)), "presign")
    error_message = aws_lambda_function.processor.environment[0].variables.UPLOAD_API
  }
}

run "upload_api_presigns_links_with_a_private_cdn" {
  command = plan

  variables {
    cdn        = { public_keys = { web = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----" } }
    metadata   = {}
    upload_api = {}
  }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables.UPLOAD_API).presign
    error_message = aws_lambda_function.processor.environment[0].variables.UPLOAD_API
  }
}
