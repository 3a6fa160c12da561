mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "names_carry_prefix_and_account" {
  command = plan

  variables {
    bucket_prefix = "acme-pets"
  }

  assert {
    condition     = [output.source_bucket, output.processed_bucket] == ["acme-pets-source-123456789012", "acme-pets-processed-123456789012"]
    error_message = "got ${output.source_bucket} and ${output.processed_bucket}"
  }
}

run "names_begin_with_the_deployment_without_a_prefix" {
  command = plan

  variables {
    name = "pets"
  }

  assert {
    condition     = output.source_bucket == "pets-source-123456789012"
    error_message = output.source_bucket
  }
}

run "given_names_are_taken_as_they_are" {
  command = plan

  variables {
    source_bucket_name    = "acme-in"
    processed_bucket_name = "acme-out"
  }

  assert {
    condition     = [output.source_bucket, output.processed_bucket] == ["acme-in", "acme-out"]
    error_message = "got ${output.source_bucket} and ${output.processed_bucket}"
  }
}

run "full_buckets_are_not_destroyed" {
  command = plan

  assert {
    condition     = !aws_s3_bucket.source.force_destroy && !aws_s3_bucket.processed.force_destroy
    error_message = "Pictures are deleted only by request."
  }
}

run "full_buckets_are_destroyed_by_request" {
  command = plan

  variables {
    force_destroy = true
  }

  assert {
    condition     = aws_s3_bucket.source.force_destroy && aws_s3_bucket.processed.force_destroy
    error_message = "force_destroy is for both buckets."
  }
}

run "public_access_is_blocked" {
  command = plan

  assert {
    condition = keys(aws_s3_bucket_public_access_block.private) == ["processed", "source"] && alltrue(flatten([
      for block in aws_s3_bucket_public_access_block.private : [
        block.block_public_acls, block.block_public_policy, block.ignore_public_acls, block.restrict_public_buckets
      ]
    ]))
    error_message = "No picture is public by accident."
  }
}

run "bucket_owner_owns_every_object" {
  command = plan

  assert {
    condition = { for name, controls in aws_s3_bucket_ownership_controls.owner : name => controls.rule[0].object_ownership } == {
      source = "BucketOwnerEnforced", processed = "BucketOwnerEnforced"
    }
    error_message = "Access lists are off in both buckets."
  }
}

run "plain_http_is_denied" {
  command = plan

  assert {
    condition = jsondecode(aws_s3_bucket_policy.https_only["source"].policy).Statement == [{
      Sid       = "DenyPlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::source", "arn:aws:s3:::source/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = aws_s3_bucket_policy.https_only["source"].policy
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.https_only["processed"].policy).Statement[0].Resource == ["arn:aws:s3:::processed", "arn:aws:s3:::processed/*"]
    error_message = aws_s3_bucket_policy.https_only["processed"].policy
  }
}

run "s3_encrypts_with_its_own_keys" {
  command = plan

  assert {
    condition     = alltrue([for encryption in aws_s3_bucket_server_side_encryption_configuration.at_rest : one(encryption.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"])
    error_message = "SSE-S3 is the default."
  }
}

run "given_key_encrypts_both_buckets" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
  }

  assert {
    condition = [for encryption in aws_s3_bucket_server_side_encryption_configuration.at_rest : [
      one(encryption.rule).apply_server_side_encryption_by_default[0].sse_algorithm,
      one(encryption.rule).apply_server_side_encryption_by_default[0].kms_master_key_id,
      one(encryption.rule).bucket_key_enabled,
    ]] == [["aws:kms", var.kms_key.arn, true], ["aws:kms", var.kms_key.arn, true]]
    error_message = "Both buckets use the customer's key, through a bucket key."
  }
}

run "uploads_are_versioned" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.source.versioning_configuration[0].status == "Enabled"
    error_message = "An overwritten photograph can be had again."
  }
}

run "incomplete_uploads_are_aborted" {
  command = plan

  variables {
    abort_multipart_days = 3
  }

  assert {
    condition     = alltrue([for lifecycle in aws_s3_bucket_lifecycle_configuration.cleanup : lifecycle.rule[0].abort_incomplete_multipart_upload[0].days_after_initiation == 3])
    error_message = "Parts of uploads that nobody completes cost money."
  }
}

run "pictures_are_kept_for_ever" {
  command = plan

  assert {
    condition     = alltrue([for lifecycle in aws_s3_bucket_lifecycle_configuration.cleanup : [for rule in lifecycle.rule : rule.id] == ["abort-incomplete-uploads"]])
    error_message = "Nothing expires unless it is asked for."
  }
}

run "sources_expire_with_their_old_versions" {
  command = plan

  variables {
    source_expiration_days = 30
  }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.cleanup["source"].rule : [rule.expiration[0].days, rule.noncurrent_version_expiration[0].noncurrent_days] if rule.id == "expire"] == [[30, 1]]
    error_message = "A version that outlives its expiry is not expired."
  }
}

run "sources_and_results_expire_apart" {
  command = plan

  variables {
    processed_expiration_days = 7
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.cleanup["source"].rule) == 1 && [for rule in aws_s3_bucket_lifecycle_configuration.cleanup["processed"].rule : rule.expiration[0].days if rule.id == "expire"] == [7]
    error_message = "Expiry of results leaves the uploads alone."
  }
}

run "one_bucket_for_both_is_refused" {
  command = plan

  variables {
    source_bucket_name    = "acme-pets"
    processed_bucket_name = "acme-pets"
  }

  expect_failures = [aws_s3_bucket_notification.source]
}

run "source_named_like_the_processed_bucket_is_refused" {
  command = plan

  variables {
    source_bucket_name = "image-pipeline-processed-123456789012"
  }

  expect_failures = [aws_s3_bucket_notification.source]
}

run "prefix_that_is_no_bucket_name_is_refused" {
  command = plan

  variables {
    bucket_prefix = "Acme_Pets"
  }

  expect_failures = [var.bucket_prefix]
}

run "prefix_that_s3_reserves_is_refused" {
  command = plan

  variables {
    bucket_prefix = "sthree-pets"
  }

  expect_failures = [var.bucket_prefix]
}

run "source_that_is_no_bucket_name_is_refused" {
  command = plan

  variables {
    source_bucket_name = "acme.pets"
  }

  expect_failures = [var.source_bucket_name]
}

run "source_name_that_s3_reserves_is_refused" {
  command = plan

  variables {
    source_bucket_name = "acme-pets-s3alias"
  }

  expect_failures = [var.source_bucket_name]
}

run "processed_that_is_no_bucket_name_is_refused" {
  command = plan

  variables {
    processed_bucket_name = "-acme"
  }

  expect_failures = [var.processed_bucket_name]
}

run "processed_name_that_s3_reserves_is_refused" {
  command = plan

  variables {
    processed_bucket_name = "xn--acme"
  }

  expect_failures = [var.processed_bucket_name]
}

run "key_by_its_alias_is_refused" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-central-1:123456789012:alias/pets" }
  }

  expect_failures = [var.kms_key]
}

run "source_expiry_of_no_days_is_refused" {
  command = plan

  variables {
    source_expiration_days = 0
  }

  expect_failures = [var.source_expiration_days]
}

run "processed_expiry_of_part_of_a_day_is_refused" {
  command = plan

  variables {
    processed_expiration_days = 1.5
  }

  expect_failures = [var.processed_expiration_days]
}

run "aborting_uploads_at_once_is_refused" {
  command = plan

  variables {
    abort_multipart_days = 0
  }

  expect_failures = [var.abort_multipart_days]
}
