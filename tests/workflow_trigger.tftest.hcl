mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name               = "pets"
  type               = "express"
  max_concurrency    = 4
  function           = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:processor", timeout_seconds = 60, transient_errors = ["TransientFailure"] }
  source_bucket      = "source"
  trigger            = { prefix = "", suffixes = [], remove_deleted = false }
  failure_queue      = { arn = "arn:aws:sqs:eu-central-1:123456789012:failures", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/failures" }
  log_retention_days = 30
  xray               = false
  tags               = {}
}

run "every_object_made_in_the_source_bucket_starts_an_execution" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.uploads.event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created"]
      detail      = { bucket = { name = ["source"] }, object = { key = [{ wildcard = "*" }] }, reason = [{ anything-but = ["Lifecycle Expiration"] }] }
    }
    error_message = aws_cloudwatch_event_rule.uploads.event_pattern
  }
}

run "removals_do_only_when_they_are_to" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    trigger = { prefix = "", suffixes = [], remove_deleted = true }
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.uploads.event_pattern).detail-type == ["Object Created", "Object Deleted"]
    error_message = aws_cloudwatch_event_rule.uploads.event_pattern
  }
}

run "prefix_and_suffixes_mean_what_they_mean_to_the_direct_trigger" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    trigger = { prefix = "photos/", suffixes = [".jpg", ".JPG"], remove_deleted = false }
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.uploads.event_pattern).detail.object.key == [{ wildcard = "photos/*.jpg" }, { wildcard = "photos/*.JPG" }]
    error_message = aws_cloudwatch_event_rule.uploads.event_pattern
  }
}

run "backslash_in_a_prefix_is_only_a_backslash" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    trigger = { prefix = "a\\b", suffixes = [], remove_deleted = false }
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.uploads.event_pattern).detail.object.key == [{ wildcard = "a\\\\b*" }]
    error_message = aws_cloudwatch_event_rule.uploads.event_pattern
  }
}

run "event_is_delivered_for_a_day_and_then_kept" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = [one(aws_cloudwatch_event_target.workflow.retry_policy).maximum_event_age_in_seconds, one(aws_cloudwatch_event_target.workflow.retry_policy).maximum_retry_attempts] == [86400, 185]
    error_message = "EventBridge's own limits are the right ones."
  }

  assert {
    condition     = one(aws_cloudwatch_event_target.workflow.dead_letter_config).arn == var.failure_queue.arn
    error_message = "Nothing is swallowed."
  }
}

run "rule_may_start_this_machine_and_nothing_else" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = jsondecode(aws_iam_role_policy.start_workflow.policy).Statement == [{ Action = ["states:StartExecution"], Effect = "Allow", Resource = output.state_machine_arn }]
    error_message = aws_iam_role_policy.start_workflow.policy
  }

  assert {
    condition     = jsondecode(aws_iam_role.uploads.assume_role_policy).Statement[0].Condition == { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.uploads.arn } }
    error_message = aws_iam_role.uploads.assume_role_policy
  }
}

run "change_of_type_leaves_no_moment_without_permission" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    type = "standard"
  }

  assert {
    condition     = aws_iam_role_policy.start_workflow.name == "start-workflow-standard"
    error_message = "The policy for the new machine has to be there before that for the old one goes."
  }
}

run "only_the_rule_may_write_to_the_failure_queue" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.undelivered.policy).Statement == [{
      Sid       = "UndeliveredUploads"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = var.failure_queue.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.uploads.arn } }
    }]
    error_message = aws_sqs_queue_policy.undelivered.policy
  }
}
