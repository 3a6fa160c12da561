mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

run "function_may_do_only_what_processing_needs" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role.processor.assume_role_policy).Statement == [{
      Action = "sts:AssumeRole", Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Condition = { StringEquals = { "aws:SourceAccount" = "123456789012" } }
    }]
    error_message = aws_iam_role.processor.assume_role_policy
  }

  assert {
    condition     = keys(aws_iam_role_policy.processor) == ["guard-buckets", "read-source", "send-failures", "write-logs", "write-processed"]
    error_message = join(", ", keys(aws_iam_role_policy.processor))
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.processor["read-source"].policy).Statement == [
      { Action = ["s3:GetObject"], Effect = "Allow", Resource = "arn:aws:s3:::source/*" },
      { Action = ["s3:ListBucket"], Effect = "Allow", Resource = "arn:aws:s3:::source" },
    ]
    error_message = aws_iam_role_policy.processor["read-source"].policy
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.processor["write-processed"].policy).Statement == [
      { Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Effect = "Allow", Resource = ["arn:aws:s3:::processed/*"] },
      { Action = ["s3:ListBucket"], Effect = "Allow", Resource = "arn:aws:s3:::processed" },
    ]
    error_message = aws_iam_role_policy.processor["write-processed"].policy
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.processor["write-logs"].policy).Statement == [{
      Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Effect = "Allow", Resource = "${aws_cloudwatch_log_group.processor.arn}:*"
    }]
    error_message = aws_iam_role_policy.processor["write-logs"].policy
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.processor["guard-buckets"].policy).Statement == [
      { Action = ["s3:ListBucketVersions"], Effect = "Allow", Resource = "arn:aws:s3:::processed" },
      { Action = ["s3:ListBucketVersions"], Effect = "Allow", Resource = "arn:aws:s3:::source" },
    ]
    error_message = aws_iam_role_policy.processor["guard-buckets"].policy
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.processor["send-failures"].policy).Statement == [{
      Action = ["sqs:SendMessage"], Effect = "Allow", Resource = aws_sqs_queue.failures.arn
    }]
    error_message = aws_iam_role_policy.processor["send-failures"].policy
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.failures.policy).Statement == [{
      Sid       = "DenyPlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = aws_sqs_queue.failures.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = aws_sqs_queue_policy.failures.policy
  }

  assert {
    condition = [for field in ["principal", "action", "source_arn", "source_account"] : aws_lambda_permission.source[0][field]] == [
      "s3.amazonaws.com", "lambda:InvokeFunction", "arn:aws:s3:::source", "123456789012"
    ]
    error_message = "Another bucket of that name, or another account, must not invoke the function."
  }
}

run "only_the_rule_of_the_workflow_may_write_to_the_failure_queue" {
  command = plan

  variables { workflow = {} }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.failures.policy).Statement[1] == {
      Sid       = "UndeliveredUploads"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.failures.arn
      Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-central-1:123456789012:rule/uploads" } }
    }
    error_message = aws_sqs_queue_policy.failures.policy
  }
}

run "rule_of_the_function_may_write_to_the_failure_queue" {
  command = plan

  variables { trigger = "eventbridge" }

  assert {
    condition     = jsondecode(aws_sqs_queue_policy.failures.policy).Statement[1].Condition == { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.uploads[0].arn } }
    error_message = aws_sqs_queue_policy.failures.policy
  }
}

run "key_and_traces_add_the_least_permissions" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
    xray    = true
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.processor["use-key"].policy).Statement == [{
      Action = ["kms:Decrypt", "kms:GenerateDataKey"], Effect = "Allow", Resource = var.kms_key.arn, Condition = { StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" } }
    }]
    error_message = aws_iam_role_policy.processor["use-key"].policy
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.processor["send-traces"].policy).Statement == [{
      Action = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Effect = "Allow", Resource = "*"
    }]
    error_message = aws_iam_role_policy.processor["send-traces"].policy
  }

  assert {
    condition = !anytrue(flatten([for policy in aws_iam_role_policy.processor : [
      for statement in jsondecode(policy.policy).Statement : [for action in statement.Action : strcontains(action, "*")]
    ]]))
    error_message = "Every action is named."
  }

  assert {
    condition = [for capability, policy in aws_iam_role_policy.processor : capability if anytrue(flatten([
      for statement in jsondecode(policy.policy).Statement : [for resource in flatten([statement.Resource]) : !startswith(resource, "arn:aws:")]
    ]))] == ["send-traces"]
    error_message = "Every resource is named; only X-Ray has none to name."
  }
}
