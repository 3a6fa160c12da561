mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

variables {
  name               = "pets"
  type               = "express"
  function           = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:processor", timeout_seconds = 60, transient_errors = ["TransientFailure"] }
  rule               = { name = "uploads", arn = "arn:aws:events:eu-central-1:123456789012:rule/uploads" }
  failure_queue      = { arn = "arn:aws:sqs:eu-central-1:123456789012:failures", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/failures" }
  log_retention_days = 30
  xray               = false
  tags               = {}
}

run "role_invokes_this_function_and_sends_to_this_queue" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = { for capability, statements in local.permissions : capability => statements if statements != null } == {
      invoke-function = [{ Action = ["lambda:InvokeFunction"], Effect = "Allow", Resource = var.function.arn }]
      send-failures   = [{ Action = ["sqs:SendMessage"], Effect = "Allow", Resource = var.failure_queue.arn }]
    }
    error_message = jsonencode(local.permissions)
  }
}

run "only_transient_failures_of_the_function_are_retried" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = toset(flatten([
      for name, state in local.definition.States : state.Retry[1].ErrorEquals if state.Type == "Task" && try(state.Arguments.FunctionName, "") == var.function.arn
    ])) == toset(var.function.transient_errors)
    error_message = "Permanent failures must be reported without a retry."
  }
}

run "function_publishes_at_once_without_a_review" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = local.definition.StartAt == "Publish" && [for name, state in local.definition.States : name if try(state.Arguments.FunctionName, "") == var.function.arn] == ["Publish"]
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = !strcontains(jsonencode(local.definition), "Review")
    error_message = "Without a review, none must be invoked."
  }
}

run "task_timeout_exceeds_the_functions_timeout" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = local.definition.States.Publish.TimeoutSeconds == 65
    error_message = "The task must time out after the function, whose error is more precise."
  }
}

run "failure_has_the_form_of_lambdas" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = keys(local.definition.States.Report.Arguments.MessageBody) == ["requestContext", "requestPayload", "responsePayload", "timestamp", "version"]
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = local.definition.States.Report.Arguments.QueueUrl == var.failure_queue.url && endswith(local.definition.States.Report.Resource, ":states:::sqs:sendMessage")
    error_message = "It goes to the failure queue."
  }
}

run "throttled_invocations_are_retried_before_anything_starts" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = local.definition.States[local.definition.StartAt].Retry[0].ErrorEquals == ["Lambda.TooManyRequestsException"]
    error_message = jsonencode(local.definition)
  }

  assert {
    # Inspecting has 180 seconds: these pauses leave some of them for the function.
    condition     = sum([for retry in range(local.definition.States.Publish.Retry[0].MaxAttempts) : min(2 * pow(2, retry), local.definition.States.Publish.Retry[0].MaxDelaySeconds)]) <= 150
    error_message = "Events must expire."
  }
}

run "arns_have_the_partition_of_the_function" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    function = { arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:processor", timeout_seconds = 60, transient_errors = ["TransientFailure"] }
  }

  assert {
    condition     = alltrue([for state in local.definition.States : startswith(state.Resource, "arn:aws-cn:states:::") if state.Type == "Task"])
    error_message = jsonencode(local.definition)
  }
}

run "events_of_the_rule_start_executions" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = [aws_cloudwatch_event_target.workflow.rule, aws_cloudwatch_event_target.workflow.arn] == ["uploads", output.state_machine_arn]
    error_message = jsonencode(aws_cloudwatch_event_target.workflow)
  }
}

run "delivery_is_retried_for_a_day_and_then_dead_lettered" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = [one(aws_cloudwatch_event_target.workflow.retry_policy).maximum_event_age_in_seconds, one(aws_cloudwatch_event_target.workflow.retry_policy).maximum_retry_attempts] == [86400, 185]
    error_message = "EventBridge's limits must be the defaults."
  }

  assert {
    condition     = one(aws_cloudwatch_event_target.workflow.dead_letter_config).arn == var.failure_queue.arn
    error_message = "Every failure must be reported."
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
    condition = jsondecode(aws_iam_role.uploads.assume_role_policy).Statement[0].Condition == {
      ArnEquals = { "aws:SourceArn" = var.rule.arn }, StringEquals = { "aws:SourceAccount" = "123456789012" }
    }
    error_message = aws_iam_role.uploads.assume_role_policy
  }
}

run "both_types_have_different_names" {
  command = plan

  module { source = "./modules/workflow" }

  variables { type = "standard" }

  assert {
    condition     = aws_iam_role.uploads.name == "pets-uploads-standard"
    error_message = "While the type changes, both workflows may exist."
  }
}
