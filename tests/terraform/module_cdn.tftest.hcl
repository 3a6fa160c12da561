mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

variables {
  name               = "pets"
  bucket_domain_name = "processed.s3.eu-central-1.amazonaws.com"
  domain_names       = []
  price_class        = "PriceClass_All"
  allowed_origins    = ["*"]
  public_keys        = {}
  tags               = {}
}

run "bucket_is_read_with_signed_requests" {
  command = plan

  module { source = "./modules/cdn" }

  assert {
    condition     = one(aws_cloudfront_distribution.images.origin).domain_name == "processed.s3.eu-central-1.amazonaws.com" && one(aws_cloudfront_distribution.images.origin).origin_access_control_id == aws_cloudfront_origin_access_control.bucket.id
    error_message = "The bucket is the only origin."
  }

  assert {
    condition     = [aws_cloudfront_origin_access_control.bucket.origin_access_control_origin_type, aws_cloudfront_origin_access_control.bucket.signing_behavior, aws_cloudfront_origin_access_control.bucket.signing_protocol] == ["s3", "always", "sigv4"]
    error_message = "Every request to it is signed."
  }
}

run "images_are_read_by_https_only" {
  command = plan

  module { source = "./modules/cdn" }

  assert {
    condition     = aws_cloudfront_distribution.images.default_cache_behavior[0].viewer_protocol_policy == "https-only" && length(aws_cloudfront_distribution.images.ordered_cache_behavior) == 0
    error_message = "Every path must require HTTPS."
  }

  assert {
    condition     = aws_cloudfront_distribution.images.http_version == "http2and3"
    error_message = aws_cloudfront_distribution.images.http_version
  }

  assert {
    condition     = aws_cloudfront_distribution.images.default_cache_behavior[0].allowed_methods == toset(["GET", "HEAD"])
    error_message = "Nothing can be written."
  }
}

run "cache_key_is_the_path_alone" {
  command = plan

  module { source = "./modules/cdn" }

  assert {
    condition     = aws_cloudfront_distribution.images.default_cache_behavior[0].cache_policy_id == aws_cloudfront_cache_policy.images.id && aws_cloudfront_distribution.images.default_cache_behavior[0].origin_request_policy_id == null
    error_message = "One policy decides it."
  }

  assert {
    condition     = [for parameters in aws_cloudfront_cache_policy.images.parameters_in_cache_key_and_forwarded_to_origin : [parameters.cookies_config[0].cookie_behavior, parameters.headers_config[0].header_behavior, parameters.query_strings_config[0].query_string_behavior]] == [["none", "none", "none"]]
    error_message = "Cookies, headers and queries must not be in the cache key."
  }

  assert {
    condition     = [aws_cloudfront_cache_policy.images.min_ttl, aws_cloudfront_cache_policy.images.default_ttl, aws_cloudfront_cache_policy.images.max_ttl] == [0, 300, 31536000]
    error_message = "Cache-Control is obeyed; without it an image is checked again after five minutes."
  }
}

run "errors_are_cached_only_briefly" {
  command = plan

  module { source = "./modules/cdn" }

  assert {
    condition     = { for response in aws_cloudfront_distribution.images.custom_error_response : response.error_code => response.error_caching_min_ttl } == { "403" = 5, "404" = 5 }
    error_message = jsonencode(aws_cloudfront_distribution.images.custom_error_response)
  }
}

run "pages_of_every_origin_may_show_and_read_images" {
  command = plan

  module { source = "./modules/cdn" }

  assert {
    condition     = aws_cloudfront_distribution.images.default_cache_behavior[0].response_headers_policy_id == aws_cloudfront_response_headers_policy.images.id
    error_message = "The policy is in use."
  }

  assert {
    condition     = one(aws_cloudfront_response_headers_policy.images.cors_config[0].access_control_allow_origins).items == toset(["*"]) && !aws_cloudfront_response_headers_policy.images.cors_config[0].access_control_allow_credentials
    error_message = "Scripts of every page may read images, without cookies."
  }

  assert {
    condition     = { for item in aws_cloudfront_response_headers_policy.images.custom_headers_config[0].items : item.header => item.value } == { Cross-Origin-Resource-Policy = "cross-origin" }
    error_message = "Isolated pages may show images, too."
  }

  assert {
    condition     = aws_cloudfront_response_headers_policy.images.security_headers_config[0].content_type_options[0].override
    error_message = "Browsers must not sniff the content type."
  }
}

run "scripts_of_other_pages_may_not_read_images" {
  command = plan

  module { source = "./modules/cdn" }

  variables { allowed_origins = ["https://example.com"] }

  assert {
    condition     = one(aws_cloudfront_response_headers_policy.images.cors_config[0].access_control_allow_origins).items == toset(["https://example.com"])
    error_message = "Only the named origin is allowed."
  }
}

run "headers_with_provenance_are_removed" {
  command = plan

  module { source = "./modules/cdn" }

  assert {
    condition     = contains([for item in aws_cloudfront_response_headers_policy.images.remove_headers_config[0].items : item.header], "x-amz-meta-source-key")
    error_message = "Responses must not contain the key of a source."
  }

  assert {
    condition     = length(aws_cloudfront_response_headers_policy.images.remove_headers_config[0].items) <= 10
    error_message = "CloudFront removes ten headers at most."
  }
}

run "images_are_public_by_default" {
  command = plan

  module { source = "./modules/cdn" }

  assert {
    condition     = length(aws_cloudfront_key_group.signers) == 0 && length(aws_cloudfront_distribution.images.default_cache_behavior[0].trusted_key_groups) == 0
    error_message = "URLs need no signature."
  }

  assert {
    condition     = length(aws_cloudfront_distribution.images.logging_config) == 0
    error_message = "Access logs must be off by default."
  }
}

run "private_images_need_signatures" {
  command = plan

  module { source = "./modules/cdn" }

  variables {
    public_keys = { old = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", new = "-----BEGIN PUBLIC KEY-----\nMIIC\n-----END PUBLIC KEY-----\n\n" }
  }

  assert {
    condition     = aws_cloudfront_distribution.images.default_cache_behavior[0].trusted_key_groups == tolist([aws_cloudfront_key_group.signers[0].id]) && aws_cloudfront_key_group.signers[0].items == toset([for key in aws_cloudfront_public_key.signers : key.id])
    error_message = "Either key is accepted, so that they can be exchanged."
  }

  assert {
    condition     = alltrue([for key in aws_cloudfront_public_key.signers : endswith(key.encoded_key, "-----END PUBLIC KEY-----\n") && !endswith(key.encoded_key, "\n\n")])
    error_message = "Keys are as CloudFront returns them, whatever follows them in the settings."
  }

  assert {
    condition     = keys(output.key_ids) == ["new", "old"]
    error_message = "URLs contain the ID of a key."
  }
}

run "domain_name_is_cloudfronts_by_default" {
  command = plan

  module { source = "./modules/cdn" }

  assert {
    condition     = output.url == "https://d111111abcdef8.cloudfront.net" && output.domain_name == "d111111abcdef8.cloudfront.net"
    error_message = output.url
  }

  assert {
    condition     = aws_cloudfront_distribution.images.viewer_certificate[0].cloudfront_default_certificate
    error_message = "The certificate is CloudFront's own."
  }
}

run "first_domain_name_is_in_urls" {
  command = plan

  module { source = "./modules/cdn" }

  variables {
    domain_names    = ["images.example.com", "a.example.com"]
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
  }

  assert {
    condition     = output.url == "https://images.example.com" && output.domain_name == "d111111abcdef8.cloudfront.net"
    error_message = output.url
  }

  assert {
    condition     = aws_cloudfront_distribution.images.aliases == toset(["images.example.com", "a.example.com"])
    error_message = "Every name is served."
  }

  assert {
    condition     = one([for certificate in aws_cloudfront_distribution.images.viewer_certificate : [certificate.acm_certificate_arn, certificate.ssl_support_method, certificate.minimum_protocol_version]]) == [var.certificate_arn, "sni-only", "TLSv1.2_2021"]
    error_message = "The certificate is the given one, for TLS 1.2 or later."
  }
}

run "access_logs_go_to_a_bucket" {
  command = plan

  module { source = "./modules/cdn" }

  variables { access_logs = { bucket = "acme-logs", prefix = "images/" } }

  assert {
    condition     = one([for logs in aws_cloudfront_distribution.images.logging_config : [logs.bucket, logs.prefix, tostring(logs.include_cookies)]]) == ["acme-logs.s3.amazonaws.com", "images/", "false"]
    error_message = "Logs contain no cookies."
  }
}
