mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

variables {
  name                 = "pets"
  force_destroy        = false
  abort_multipart_days = 7
  tags                 = {}
}

run "full_bucket_is_not_destroyed" {
  command = plan

  module { source = "./modules/bucket" }

  assert {
    condition     = !aws_s3_bucket.pictures.force_destroy
    error_message = "Pictures are deleted only by request."
  }
}

run "full_bucket_is_destroyed_by_request" {
  command = plan

  module { source = "./modules/bucket" }

  variables { force_destroy = true }

  assert {
    condition     = aws_s3_bucket.pictures.force_destroy
    error_message = "force_destroy deletes what is in the bucket."
  }
}

run "public_access_is_blocked" {
  command = plan

  module { source = "./modules/bucket" }

  assert {
    condition     = alltrue([for setting in ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"] : aws_s3_bucket_public_access_block.private[setting]])
    error_message = "No picture is public by accident."
  }
}

run "bucket_owner_owns_every_object" {
  command = plan

  module { source = "./modules/bucket" }

  assert {
    condition     = aws_s3_bucket_ownership_controls.owner.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "Access lists are off."
  }
}

run "plain_http_is_denied" {
  command = plan

  module { source = "./modules/bucket" }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.https_only.policy).Statement == [{
      Sid       = "DenyPlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::pictures", "arn:aws:s3:::pictures/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = aws_s3_bucket_policy.https_only.policy
  }
}

run "without_a_key_no_encryption_is_declared" {
  command = plan

  module { source = "./modules/bucket" }

  assert {
    condition     = length(aws_s3_bucket_server_side_encryption_configuration.at_rest) == 0
    error_message = "SSE-S3 is S3's default; some versions of the provider would plan a change every time."
  }
}

run "given_key_encrypts_the_bucket" {
  command = plan

  module { source = "./modules/bucket" }

  variables {
    kms_key = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
  }

  assert {
    condition = [
      one(aws_s3_bucket_server_side_encryption_configuration.at_rest[0].rule).apply_server_side_encryption_by_default[0].sse_algorithm,
      one(aws_s3_bucket_server_side_encryption_configuration.at_rest[0].rule).apply_server_side_encryption_by_default[0].kms_master_key_id,
      one(aws_s3_bucket_server_side_encryption_configuration.at_rest[0].rule).bucket_key_enabled,
    ] == ["aws:kms", var.kms_key.arn, true]
    error_message = "The bucket uses the customer's key, through a bucket key."
  }
}

run "versions_are_kept_by_request" {
  command = plan

  module { source = "./modules/bucket" }

  variables { is_versioned = true }

  assert {
    condition     = aws_s3_bucket_versioning.pictures[0].versioning_configuration[0].status == "Enabled"
    error_message = "An overwritten photograph must be restorable."
  }
}

run "incomplete_uploads_are_aborted" {
  command = plan

  module { source = "./modules/bucket" }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.cleanup.rule[0].abort_incomplete_multipart_upload[0].days_after_initiation == 7
    error_message = "Parts of incomplete uploads cost money."
  }
}

run "pictures_are_kept_forever_by_default" {
  command = plan

  module { source = "./modules/bucket" }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.cleanup.rule : rule.id] == ["abort-incomplete-uploads"]
    error_message = "Nothing expires unless it is asked for."
  }
}

run "old_versions_and_delete_markers_expire" {
  command = plan

  module { source = "./modules/bucket" }

  variables {
    is_versioned    = true
    noncurrent_days = 30
  }

  assert {
    condition = [
      for rule in aws_s3_bucket_lifecycle_configuration.cleanup.rule :
      [rule.noncurrent_version_expiration[0].noncurrent_days, rule.expiration[0].expired_object_delete_marker] if rule.id == "expire-old-versions"
    ] == [[30, true]]
    error_message = "An old version is not kept forever, and no current one expires."
  }
}

run "old_versions_are_kept_forever_by_request" {
  command = plan

  module { source = "./modules/bucket" }

  variables { is_versioned = true }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.cleanup.rule : rule.id] == ["abort-incomplete-uploads"]
    error_message = "Without noncurrent_days nothing expires."
  }
}

run "pictures_expire_with_their_old_versions" {
  command = plan

  module { source = "./modules/bucket" }

  variables { expiration_days = 30 }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.cleanup.rule : [rule.expiration[0].days, rule.noncurrent_version_expiration[0].noncurrent_days] if rule.id == "expire"] == [[30, 1]]
    error_message = "A version must not outlive its expiration."
  }
}

run "retired_objects_are_deleted_by_their_tag" {
  command = plan

  module { source = "./modules/bucket" }

  variables { retired_days = 7 }

  assert {
    condition = [
      for rule in aws_s3_bucket_lifecycle_configuration.cleanup.rule :
      [rule.filter[0].tag[0].key, rule.filter[0].tag[0].value, tostring(rule.expiration[0].days)] if rule.id == "delete-retired"
    ] == [["retired", "true", "7"]]
    error_message = "Only tagged objects must expire, after a week."
  }
}

run "further_statements_are_in_the_policy" {
  command = plan

  module { source = "./modules/bucket" }

  variables {
    policy_statements = [
      { Sid = "A", Effect = "Allow", Principal = { Service = "cloudfront.amazonaws.com" }, Action = "s3:GetObject", Resource = "*", Condition = {} },
      { Sid = "B", Effect = "Deny", Principal = "*", Action = "s3:*", Resource = ["*"] },
    ]
  }

  assert {
    condition     = [for statement in jsondecode(aws_s3_bucket_policy.https_only.policy).Statement : statement.Sid] == ["DenyPlainHttp", "A", "B"]
    error_message = aws_s3_bucket_policy.https_only.policy
  }
}
