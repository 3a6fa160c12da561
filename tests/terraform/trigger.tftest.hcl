mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

run "every_created_object_triggers" {
  command = plan

  assert {
    condition     = [for filter in aws_s3_bucket_notification.source[0].lambda_function : [one(filter.events), filter.filter_prefix, filter.filter_suffix]] == [["s3:ObjectCreated:*", "", ""]]
    error_message = "Multipart uploads and copies are uploads too."
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.uploads) + length(aws_cloudwatch_event_target.processor) + length(aws_lambda_permission.rule) == 0 && !aws_s3_bucket_notification.source[0].eventbridge
    error_message = "S3 must notify only the function."
  }
}

run "removals_trigger_only_with_remove_deleted" {
  command = plan

  variables { remove_deleted = true }

  assert {
    condition     = one([for filter in aws_s3_bucket_notification.source[0].lambda_function : filter.events]) == toset(["s3:ObjectCreated:*", "s3:ObjectRemoved:*"])
    error_message = jsonencode(aws_s3_bucket_notification.source[0].lambda_function)
  }
}

run "prefix_and_each_suffix_make_a_filter" {
  command = plan

  variables {
    trigger_prefix   = "photos/"
    trigger_suffixes = [".jpg", ".JPG"]
  }

  assert {
    condition     = [for filter in aws_s3_bucket_notification.source[0].lambda_function : "${filter.filter_prefix}*${filter.filter_suffix}"] == ["photos/*.jpg", "photos/*.JPG"]
    error_message = jsonencode(aws_s3_bucket_notification.source[0].lambda_function)
  }

  assert {
    condition     = [for filter in aws_s3_bucket_notification.source[0].lambda_function : filter.id] == ["uploads.jpg", "uploads.JPG"]
    error_message = jsonencode(aws_s3_bucket_notification.source[0].lambda_function)
  }
}

run "filters_are_form_encoded_with_plain_slashes" {
  command = plan

  variables {
    trigger_prefix   = "my photos/2025+/é "
    trigger_suffixes = [" (1).jpg"]
  }

  assert {
    condition     = [for filter in aws_s3_bucket_notification.source[0].lambda_function : [filter.filter_prefix, filter.filter_suffix]] == [["my+photos/2025%2B/%C3%A9+", "+%281%29.jpg"]]
    error_message = jsonencode(aws_s3_bucket_notification.source[0].lambda_function)
  }
}

run "eventbridge_replaces_the_notification" {
  command = plan

  variables { trigger = "eventbridge" }

  assert {
    condition     = aws_s3_bucket_notification.source[0].eventbridge && length(aws_s3_bucket_notification.source[0].lambda_function) == 0
    error_message = jsonencode(aws_s3_bucket_notification.source)
  }

  assert {
    condition     = [aws_cloudwatch_event_target.processor[0].rule, aws_cloudwatch_event_target.processor[0].arn] == ["image-pipeline-uploads", aws_lambda_function.processor.arn]
    error_message = jsonencode(aws_cloudwatch_event_target.processor)
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.uploads[0].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created"]
      detail      = { bucket = { name = ["image-pipeline-source-123456789012"] }, object = { key = [{ wildcard = "*" }] }, reason = [{ anything-but = ["Lifecycle Expiration"] }] }
    }
    error_message = aws_cloudwatch_event_rule.uploads[0].event_pattern
  }

  assert {
    condition = [for field in ["principal", "action", "source_arn"] : aws_lambda_permission.rule[0][field]] == [
      "events.amazonaws.com", "lambda:InvokeFunction", aws_cloudwatch_event_rule.uploads[0].arn,
    ]
    error_message = jsonencode(aws_lambda_permission.rule)
  }

  assert {
    condition     = [one(aws_cloudwatch_event_target.processor[0].retry_policy).maximum_event_age_in_seconds, one(aws_cloudwatch_event_target.processor[0].retry_policy).maximum_retry_attempts] == [86400, 185]
    error_message = "EventBridge's limits must be the defaults."
  }

  assert {
    condition     = one(aws_cloudwatch_event_target.processor[0].dead_letter_config).arn == aws_sqs_queue.failures.arn
    error_message = "Every failure must be reported."
  }
}

run "rule_matches_removals_only_with_remove_deleted" {
  command = plan

  variables {
    trigger        = "eventbridge"
    remove_deleted = true
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.uploads[0].event_pattern).detail-type == ["Object Created", "Object Deleted"]
    error_message = aws_cloudwatch_event_rule.uploads[0].event_pattern
  }
}

run "rule_and_notification_filter_the_same_keys" {
  command = plan

  variables {
    trigger          = "eventbridge"
    trigger_prefix   = "my photos/"
    trigger_suffixes = [" (1).jpg", ".JPG"]
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.uploads[0].event_pattern).detail.object.key == [{ wildcard = "my photos/* (1).jpg" }, { wildcard = "my photos/*.JPG" }]
    error_message = aws_cloudwatch_event_rule.uploads[0].event_pattern
  }
}

run "backslash_in_a_prefix_is_literal" {
  command = plan

  variables {
    trigger        = "eventbridge"
    trigger_prefix = "a\\b"
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.uploads[0].event_pattern).detail.object.key == [{ wildcard = "a\\\\b*" }]
    error_message = aws_cloudwatch_event_rule.uploads[0].event_pattern
  }
}

run "workflow_replaces_the_function_as_the_rules_target" {
  command = plan

  variables {
    trigger  = "eventbridge"
    workflow = {}
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.uploads) == 1 && length(module.workflow) == 1 && length(aws_cloudwatch_event_target.processor) == 0
    error_message = "An upload is processed once."
  }
}

run "rule_has_both_targets_with_direct_trigger" {
  command = plan

  variables {
    trigger  = "eventbridge"
    workflow = { direct_trigger = true }
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.uploads) == 1 && length(module.workflow) == 1 && length(aws_cloudwatch_event_target.processor) == 1
    error_message = "Both triggers must be on."
  }

  assert {
    condition     = length(aws_s3_bucket_notification.source[0].lambda_function) == 0
    error_message = "The rule must be the direct trigger."
  }
}
