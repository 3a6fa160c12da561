mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

# If Terraform builds the package, the check of the function's code depends on the ID of the planned upload.
override_resource {
  target          = module.pipeline.terraform_data.upload
  override_during = plan
  values          = { id = "" }
}

run "existing-bucket" {
  command = plan

  module { source = "./examples/existing-bucket" }

  variables { bucket = "photos" }

  override_data {
    target = module.pipeline.data.aws_s3_bucket.existing["photos"]
    values = {
      arn                         = "arn:aws:s3:::photos"
      bucket_regional_domain_name = "photos.s3.eu-central-1.amazonaws.com"
    }
  }

  assert {
    condition     = output.backfill.source_bucket == "photos"
    error_message = jsonencode(output.backfill)
  }
}

run "web-gallery" {
  command = plan

  module { source = "./examples/web-gallery" }

  assert {
    condition     = output.images_url == "https://d111111abcdef8.cloudfront.net"
    error_message = output.images_url
  }
}

run "minimal" {
  command = plan

  module { source = "./examples/minimal" }

  assert {
    condition     = output.source_bucket == "photos-source-123456789012"
    error_message = output.source_bucket
  }
}

run "watermarked-previews" {
  command = plan

  module { source = "./examples/watermarked-previews" }

  assert {
    condition     = output.processed_bucket == "previews-processed-123456789012"
    error_message = output.processed_bucket
  }
}

run "private-uploads" {
  command = plan

  module { source = "./examples/private-uploads" }

  assert {
    condition     = startswith(output.endpoint, "https://")
    error_message = output.endpoint
  }
}

run "moderation" {
  command = plan

  module { source = "./examples/moderation" }

  assert {
    condition     = output.source_bucket == "moderated-source-123456789012"
    error_message = output.source_bucket
  }
}
