run "unknown_price_class_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables { cdn = { price_class = "PriceClass_300" } }
}

run "smaller_price_class_is_accepted" {
  command = plan

  variables { cdn = { price_class = "PriceClass_100" } }
}

run "domain_name_without_a_certificate_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables { cdn = { domain_names = ["images.example.com"] } }
}

run "certificate_without_a_domain_name_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables {
    cdn = { certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012" }
  }
}

run "certificate_of_another_region_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables {
    cdn = { domain_names = ["images.example.com"], certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012" }
  }
}

run "domain_name_with_a_scheme_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables {
    cdn = { domain_names = ["https://images.example.com"], certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012" }
  }
}

run "wildcard_that_no_url_can_contain_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables {
    cdn = { domain_names = ["*.example.com"], certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012" }
  }
}

run "domain_name_with_its_certificate_is_accepted" {
  command = plan

  variables {
    cdn = { domain_names = ["images.example.com"], certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012" }
  }
}

run "origin_with_a_path_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables { cdn = { allowed_origins = ["https://example.com/"] } }
}

run "all_origins_and_some_are_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables { cdn = { allowed_origins = ["*", "https://example.com"] } }
}

run "no_origin_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables { cdn = { allowed_origins = [] } }
}

run "named_origins_are_accepted" {
  command = plan

  variables { cdn = { allowed_origins = ["https://example.com", "http://localhost:3000"] } }
}

run "private_key_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables {
    cdn = { public_keys = { web = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----" } }
  }
}

run "path_of_a_key_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables { cdn = { public_keys = { web = "keys/web.pem" } } }
}

run "public_key_is_accepted" {
  command = plan

  variables {
    cdn = { public_keys = { web = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkq/+==\n-----END PUBLIC KEY-----\n" } }
  }
}

run "logs_by_an_url_are_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables { cdn = { access_logs = { bucket = "s3://acme-logs" } } }
}

run "logs_among_the_uploads_are_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables {
    source_bucket_name = "acme-photos"
    cdn                = { access_logs = { bucket = "acme-photos" } }
  }
}

run "distribution_by_its_id_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables {
    cdn = { existing = { distribution_arn = "E1A2B3C4D5E6F7", url = "https://images.example.com" } }
  }
}

run "url_with_a_slash_at_its_end_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables {
    cdn = { existing = { distribution_arn = "arn:aws:cloudfront::123456789012:distribution/E1A2B3C4D5E6F7", url = "https://images.example.com/" } }
  }
}

run "settings_for_an_existing_distribution_are_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables {
    cdn = {
      public_keys = { web = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----" }
      existing    = { distribution_arn = "arn:aws:cloudfront::123456789012:distribution/E1A2B3C4D5E6F7", url = "https://images.example.com" }
    }
  }
}

run "existing_distribution_is_accepted" {
  command = plan

  variables {
    cdn = { existing = { distribution_arn = "arn:aws:cloudfront::123456789012:distribution/E1A2B3C4D5E6F7", url = "https://images.example.com/cats" } }
  }
}

run "url_without_https_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables { cdn = { existing = { url = "http://images.example.com" } } }
}

run "url_with_a_query_is_refused" {
  command         = plan
  expect_failures = [var.cdn]

  variables { cdn = { existing = { url = "https://images.example.com?a=b" } } }
}

run "cdn_other_than_cloudfront_is_accepted" {
  command = plan

  variables { cdn = { existing = { url = "https://images.example.com" } } }
}
