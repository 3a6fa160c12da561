mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

run "both_buckets_are_created_by_default" {
  command = plan

  assert {
    condition     = length(module.source) + length(module.processed) == 2 && length(data.aws_s3_bucket.existing) == 0
    error_message = "No bucket must be looked up."
  }
}

run "existing_source_bucket_is_only_read_and_listened_to" {
  command = plan

  variables { existing_source_bucket = "photos" }

  assert {
    condition     = length(module.source) + length(aws_s3_bucket_notification.source) + length(aws_lambda_permission.source) == 0 && length(module.processed) == 1
    error_message = "Terraform must not manage an existing bucket."
  }

  assert {
    condition     = [output.source_bucket, output.processed_bucket] == ["photos", "image-pipeline-processed-123456789012"]
    error_message = output.source_bucket
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.uploads[0].event_pattern).detail.bucket.name == ["photos"]
    error_message = aws_cloudwatch_event_rule.uploads[0].event_pattern
  }

  assert {
    condition     = aws_cloudwatch_event_target.processor[0].arn == aws_lambda_function.processor.arn && length(aws_lambda_permission.rule) == 1
    error_message = "Its notifications must not change."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.processor["read-source"].policy).Statement == [
      { Action = ["s3:GetObject"], Effect = "Allow", Resource = "arn:aws:s3:::photos/*" },
      { Action = ["s3:ListBucket"], Effect = "Allow", Resource = "arn:aws:s3:::photos" },
    ]
    error_message = aws_iam_role_policy.processor["read-source"].policy
  }

  assert {
    condition     = keys(aws_lambda_invocation.guard) == ["processed"]
    error_message = jsonencode(aws_lambda_invocation.guard)
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.processor["guard-buckets"].policy).Statement : statement.Resource] == ["arn:aws:s3:::processed"]
    error_message = aws_iam_role_policy.processor["guard-buckets"].policy
  }
}

run "existing_processed_bucket_is_only_written" {
  command = plan

  variables { existing_processed_bucket = "web.images" }

  assert {
    condition     = length(module.processed) == 0 && length(module.source) == 1
    error_message = "Terraform must not manage an existing bucket."
  }

  assert {
    condition     = [output.processed_bucket, aws_lambda_function.processor.environment[0].variables.PROCESSED_BUCKET] == ["web.images", "web.images"]
    error_message = output.processed_bucket
  }

  assert {
    condition     = length(one(aws_s3_bucket_notification.source).lambda_function) == 1 && length(aws_cloudwatch_event_rule.uploads) == 0
    error_message = "The source bucket must keep its notification."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.processor["write-processed"].policy).Statement == [
      { Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Effect = "Allow", Resource = ["arn:aws:s3:::web.images/*"] },
      { Action = ["s3:ListBucket"], Effect = "Allow", Resource = "arn:aws:s3:::web.images" },
    ]
    error_message = aws_iam_role_policy.processor["write-processed"].policy
  }

  assert {
    condition     = keys(aws_lambda_invocation.guard) == ["source"]
    error_message = jsonencode(aws_lambda_invocation.guard)
  }
}

run "two_existing_buckets_need_no_guard" {
  command = plan

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "web.images"
  }

  assert {
    condition     = length(module.source) + length(module.processed) + length(aws_lambda_invocation.guard) == 0 && !can(aws_iam_role_policy.processor["guard-buckets"])
    error_message = jsonencode(aws_lambda_invocation.guard)
  }

  assert {
    condition     = [output.source_bucket, output.processed_bucket] == ["photos", "web.images"]
    error_message = output.source_bucket
  }
}

run "records_are_guarded_also_with_existing_buckets" {
  command = plan

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "web.images"
    metadata                  = {}
  }

  assert {
    condition     = keys(aws_lambda_invocation.guard) == ["records"]
    error_message = jsonencode(aws_lambda_invocation.guard)
  }
}

run "key_of_existing_buckets_may_be_used_through_s3" {
  command = plan

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "web.images"
    kms_key                   = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.processor["use-key"].policy).Statement[0].Resource == var.kms_key.arn
    error_message = aws_iam_role_policy.processor["use-key"].policy
  }
}

run "workflow_listens_to_an_existing_bucket" {
  command = plan

  variables {
    existing_source_bucket = "photos"
    workflow               = {}
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.uploads[0].event_pattern).detail.bucket.name == ["photos"] && length(module.workflow) == 1 && length(aws_cloudwatch_event_target.processor) == 0
    error_message = aws_cloudwatch_event_rule.uploads[0].event_pattern
  }
}

run "workflow_is_switched_with_an_existing_bucket" {
  command = plan

  variables {
    existing_source_bucket = "photos"
    workflow               = { direct_trigger = true }
  }

  assert {
    condition     = length(module.workflow) == 1 && length(aws_cloudwatch_event_target.processor) == 1
    error_message = "Both triggers must be on."
  }
}

run "backfill_reads_and_writes_existing_buckets" {
  command = plan

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "web.images"
    backfill                  = {}
  }

  assert {
    condition     = [output.backfill.source_bucket, output.backfill.processed_bucket] == ["photos", "web.images"]
    error_message = jsonencode(output.backfill)
  }
}

run "upload_api_writes_only_uploads_to_an_existing_bucket" {
  command = plan

  variables {
    existing_source_bucket = "photos"
    metadata               = {}
    upload_api             = {}
  }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables.UPLOAD_API).bucket == "photos" && length(module.upload_api) == 1
    error_message = jsonencode(aws_lambda_function.processor.environment)
  }
}

run "one_bucket_is_accepted_if_uploads_and_images_have_different_prefixes" {
  command = plan

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "photos"
    trigger_prefix            = "originals/"
    key_template              = "web/{directory}{stem}{extension}"
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.processor["write-processed"].policy).Statement[0] == {
      Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Effect = "Allow", Resource = ["arn:aws:s3:::photos/web/*"]
    }
    error_message = aws_iam_role_policy.processor["write-processed"].policy
  }
}

run "asterisk_in_a_template_allows_no_other_keys" {
  command = plan

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "photos"
    trigger_prefix            = "web-uploads/"
    key_template              = "web*/{directory}{stem}{extension}"
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.processor["write-processed"].policy).Statement[0].Resource == ["arn:aws:s3:::photos/web$${*}/*"]
    error_message = aws_iam_role_policy.processor["write-processed"].policy
  }
}

run "one_bucket_that_would_trigger_itself_is_refused_whole" {
  command         = plan
  expect_failures = [aws_lambda_function.processor]

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "photos"
    trigger_prefix            = ""
    key_template              = "web/{directory}{stem}{extension}"
  }
}

run "one_bucket_that_would_trigger_itself_is_refused_images_under_uploads" {
  command = plan

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "photos"
    trigger_prefix            = "web/"
    key_template              = "web/small/{directory}{stem}{extension}"
  }

  assert {
    condition     = local.self_triggering == ["key_template (web/small/{directory}{stem}{extension})"]
    error_message = jsonencode(local.self_triggering)
  }

  expect_failures = [aws_lambda_function.processor]
}

run "one_bucket_that_would_trigger_itself_is_refused_uploads_under_images" {
  command         = plan
  expect_failures = [aws_lambda_function.processor]

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "photos"
    trigger_prefix            = "web/in/"
    key_template              = "web/{directory}{stem}{extension}"
  }
}

run "one_bucket_that_would_trigger_itself_is_refused_template_without_a_beginning" {
  command         = plan
  expect_failures = [aws_lambda_function.processor]

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "photos"
    trigger_prefix            = "in/"
    key_template              = "{directory}{stem}{extension}"
  }
}

run "one_bucket_that_would_trigger_itself_is_refused_uploads_among_results_of_backfills" {
  command = plan

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "photos"
    trigger_prefix            = ".pipeline/"
    key_template              = "web/{directory}{stem}{extension}"
  }

  assert {
    condition     = local.self_triggering == ["backfill results (.pipeline/)"]
    error_message = jsonencode(local.self_triggering)
  }

  expect_failures = [aws_lambda_function.processor]
}

run "existing_source_bucket_named_like_the_new_processed_bucket_is_refused" {
  command         = plan
  expect_failures = [aws_lambda_function.processor]

  variables {
    existing_source_bucket = "photos"
    processed_bucket_name  = "photos"
    trigger_prefix         = "in/"
    key_template           = "web/{directory}{stem}{extension}"
  }
}

run "existing_bucket_in_another_region_is_refused" {
  command = plan

  variables { existing_source_bucket = "photos" }

  override_data {
    target = data.aws_s3_bucket.existing["photos"]
    values = {
      bucket_regional_domain_name = "photos.s3.eu-west-1.amazonaws.com"
    }
  }

  expect_failures = [data.aws_s3_bucket.existing["photos"]]
}

run "manifests_are_accepted_in_one_bucket" {
  command = plan

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "photos"
    trigger_prefix            = "originals/"
    key_template              = "web/{directory}{stem}{extension}"
    manifest                  = { key_template = "manifests/{directory}{stem}.json" }
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.processor["write-processed"].policy).Statement[0].Resource == ["arn:aws:s3:::photos/web/*", "arn:aws:s3:::photos/manifests/*"]
    error_message = aws_iam_role_policy.processor["write-processed"].policy
  }
}

run "manifests_that_would_trigger_the_function_are_refused" {
  command = plan

  variables {
    existing_source_bucket    = "photos"
    existing_processed_bucket = "photos"
    trigger_prefix            = "originals/"
    key_template              = "web/{directory}{stem}{extension}"
    manifest                  = {}
  }

  assert {
    condition     = local.self_triggering == ["manifest.key_template ({directory}{stem}.json)"]
    error_message = jsonencode(local.self_triggering)
  }

  expect_failures = [aws_lambda_function.processor]
}
