terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# A CloudFront distribution in front of the processed bucket, which it reads with Origin Access Control.

locals {
  image_methods = ["GET", "HEAD"]

  # Provenance of images (lambda/pipeline/provenance.py): only the function needs it, and reads it from S3.
  private_headers = [for name in ["facts", "recipe", "retired", "source-etag", "source-key", "source-options", "source-version"] : "x-amz-meta-${name}"]
}

resource "aws_cloudfront_origin_access_control" "bucket" {
  name                              = var.name
  description                       = "Signs the requests to ${var.bucket_domain_name}"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_cache_policy" "images" {
  name    = var.name
  comment = "The path alone decides which image it is"

  # An image's Cache-Control header decides, even if it is short, no-store or private.
  min_ttl     = 0
  default_ttl = 300
  max_ttl     = 365 * 24 * 60 * 60

  parameters_in_cache_key_and_forwarded_to_origin {
    # For JSON. Every browser accepts both, so images are cached only once.
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config { cookie_behavior = "none" }
    headers_config { header_behavior = "none" }
    query_strings_config { query_string_behavior = "none" }
  }
}

resource "aws_cloudfront_response_headers_policy" "images" {
  #checkov:skip=CKV_AWS_259:Strict Transport Security would bind a whole domain name, of which images are one use.

  name    = var.name
  comment = "Lets pages of other origins show and read images"

  cors_config {
    access_control_allow_credentials = false
    origin_override                  = true

    access_control_allow_headers { items = ["*"] }
    access_control_allow_methods { items = local.image_methods }
    access_control_allow_origins { items = var.allowed_origins }
  }

  custom_headers_config {
    items {
      # Pages with Cross-Origin-Embedder-Policy require this header of images.
      header   = "Cross-Origin-Resource-Policy"
      value    = "cross-origin"
      override = true
    }
  }

  security_headers_config {
    content_type_options { override = true }
  }

  remove_headers_config {
    dynamic "items" {
      for_each = local.private_headers

      content { header = items.value }
    }
  }
}

# With public keys, CloudFront serves only URLs and cookies that are signed with one of the private keys.

resource "aws_cloudfront_public_key" "signers" {
  for_each = var.public_keys

  name_prefix = "${var.name}-${each.key}-"
  comment     = "Verifies the signatures of ${each.key}"
  encoded_key = "${trimspace(each.value)}\n" # CloudFront returns it so

  # A key cannot be deleted while it is in a group. Dependencies are then also created before they are destroyed, so none
  # may have a fixed name.
  lifecycle { create_before_destroy = true }
}

resource "aws_cloudfront_key_group" "signers" {
  count = length(var.public_keys) == 0 ? 0 : 1

  name    = var.name
  comment = "May sign URLs of images"
  items   = [for key in aws_cloudfront_public_key.signers : key.id]

  # Nor can a group while a distribution uses it.
  lifecycle { create_before_destroy = true }
}

resource "aws_cloudfront_distribution" "images" {
  #checkov:skip=CKV_AWS_68:A web application firewall costs money per request, and there is nothing to attack behind this but images.
  #checkov:skip=CKV_AWS_86:Access logs name visitors; access_logs turns them on.
  #checkov:skip=CKV_AWS_174:CloudFront's own certificate comes with its own minimum; a certificate of yours asks for TLS 1.2.
  #checkov:skip=CKV_AWS_305:There is no page at the root.
  #checkov:skip=CKV_AWS_310:There is one bucket.
  #checkov:skip=CKV_AWS_374:Pages are read everywhere.
  #checkov:skip=CKV2_AWS_47:Nothing here runs Log4j.

  comment         = var.name
  enabled         = true
  aliases         = var.domain_names
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = var.price_class
  tags            = var.tags

  # The function needs only the URL. CloudFront takes minutes to deploy a change.
  wait_for_deployment = false

  origin {
    origin_id                = "processed"
    domain_name              = var.bucket_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.bucket.id
  }

  default_cache_behavior {
    target_origin_id           = "processed"
    viewer_protocol_policy     = "https-only" # so CloudFront asks S3 by HTTPS, too
    allowed_methods            = local.image_methods
    cached_methods             = local.image_methods
    compress                   = true
    cache_policy_id            = aws_cloudfront_cache_policy.images.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.images.id
    trusted_key_groups         = aws_cloudfront_key_group.signers[*].id
  }

  # Without permission to list the bucket, S3 returns 403 for a missing object. The image may appear a moment later.
  dynamic "custom_error_response" {
    for_each = [403, 404]

    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 5
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.certificate_arn == null
    acm_certificate_arn            = var.certificate_arn
    ssl_support_method             = var.certificate_arn == null ? null : "sni-only"
    minimum_protocol_version       = var.certificate_arn == null ? "TLSv1" : "TLSv1.2_2021" # CloudFront's own comes with TLSv1
  }

  restrictions {
    geo_restriction { restriction_type = "none" }
  }

  dynamic "logging_config" {
    for_each = var.access_logs[*]

    content {
      bucket          = "${logging_config.value.bucket}.s3.amazonaws.com"
      prefix          = logging_config.value.prefix
      include_cookies = false
    }
  }
}
