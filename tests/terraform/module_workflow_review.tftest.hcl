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
  review             = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation:live", timeout_seconds = 30 }
}

run "role_invokes_the_review_only_if_configured" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = local.permissions.ask-review == [{ Action = ["lambda:InvokeFunction"], Effect = "Allow", Resource = var.review.function_arn }]
    error_message = jsonencode(local.permissions)
  }
}

run "every_transition_leads_to_a_state" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = alltrue(flatten([
      for state in local.definition.States : [for next in concat([try(state.Next, "Done"), try(state.Default, "Done")], try(state.Choices[*].Next, []), try(state.Catch[*].Next, [])) : contains(keys(local.definition.States), next)]
    ]))
    error_message = jsonencode(local.definition)
  }

  assert {
    condition = alltrue(flatten([
      for state in local.definition.States : state.Type == "Choice" ? can(state.Default) : can(state.Next) || contains(["Succeed", "Fail"], state.Type)
    ]))
    error_message = "Only Done and Failed may end an execution."
  }
}

run "every_failure_is_reported" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = alltrue([
      for name, state in local.definition.States : [for catch in state.Catch : [catch.ErrorEquals, catch.Next]] == [[["States.ALL"], "Report"]] if contains(["Task", "Map"], state.Type) && name != "Report"
    ])
    error_message = "After the last retry, a message must go to the failure queue."
  }

  assert {
    condition     = local.definition.States.Report.Next == "Failed" && local.definition.States.Failed.Type == "Fail"
    error_message = "A reported execution must fail."
  }
}

run "every_task_is_retried_with_jitter" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = alltrue(flatten([
      for state in local.definition.States : [for retry in state.Retry : retry.JitterStrategy == "FULL" && retry.MaxAttempts >= 1] if state.Type == "Task"
    ]))
    error_message = "Executions that fail together must not retry together."
  }
}

run "function_inspects_before_the_review_and_publishes_after_it" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = local.definition.StartAt == "Inspect" && [for name, state in local.definition.States : name if try(state.Arguments.FunctionName, "") == var.function.arn] == ["Inspect", "Publish"]
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = alltrue([for state in local.definition.States : endswith(state.Resource, ":states:::lambda:invoke") if can(state.Arguments.FunctionName)])
    error_message = "The invocation must be synchronous."
  }
}

run "express_fails_before_step_functions_ends_it" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = [local.definition.States.Inspect.Arguments.Payload.deadline, local.definition.States.Publish.Arguments.Payload.deadline] == [
      "{% $toMillis($states.context.Execution.StartTime) + 180000 %}", "{% $toMillis($states.context.Execution.StartTime) + 215000 %}"
    ]
    error_message = "An upload that exceeds the five minutes would be lost silently."
  }

  assert {
    condition     = [local.definition.States.Publish.Retry[1].MaxAttempts, local.definition.States.Publish.Retry[1].MaxDelaySeconds] == [4, 8]
    error_message = "So would one that waits into the five minutes."
  }
}

run "standard_has_no_deadline" {
  command = plan

  module { source = "./modules/workflow" }

  variables { type = "standard" }

  assert {
    condition     = alltrue([for state in local.definition.States : state.Arguments.Payload.deadline == null if try(state.Arguments.FunctionName, "") == var.function.arn])
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = [local.definition.States.Publish.Retry[1].MaxAttempts, local.definition.States.Publish.Retry[1].MaxDelaySeconds] == [6, 600]
    error_message = "A standard workflow must retry for longer."
  }
}

run "review_comes_before_anything_is_published" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = [for choice in local.definition.States.Inspected.Choices : choice.Next] == ["Review", "Publish"] && local.definition.States.Inspected.Default == "Done"
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = [for field in ["FunctionName", "Payload"] : local.definition.States.Review.Arguments[field]] == [var.review.function_arn, "{% $inspection %}"] && local.definition.States.Review.TimeoutSeconds == 30
    error_message = "The review must receive the inspection and its full timeout."
  }
}

run "only_allowed_uploads_are_published" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = [for choice in local.definition.States.Reviewed.Choices : [choice.Condition, choice.Next]] == [["{% $review.allow = true %}", "Publish"], ["{% $review.allow = false %}", "Publish"]] && local.definition.States.Reviewed.Default == "Report"
    error_message = "A response that is neither must be a failure."
  }

  assert {
    condition     = keys(local.definition.States.Reviewed.Choices[1].Assign) == ["refusal"] && !can(local.definition.States.Reviewed.Choices[0].Assign)
    error_message = "Only a refusal is passed on as one."
  }

  assert {
    condition     = strcontains(local.definition.States.Publish.Arguments.Payload.version, "$inspection.source.version")
    error_message = "Only the reviewed version must be published."
  }
}

run "changed_source_is_inspected_again_twice" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = [for choice in local.definition.States.Published.Choices : [choice.Condition, choice.Next]] == [["{% $published.status != 'superseded' %}", "Done"], ["{% $inspections < 3 %}", "Inspect"]] && local.definition.States.Published.Default == "Report"
    error_message = jsonencode(local.definition.States.Published)
  }
}
