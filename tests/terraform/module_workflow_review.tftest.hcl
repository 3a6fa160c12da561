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

run "role_asks_the_review_only_if_there_is_one" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = local.permissions.ask-review == [{ Action = ["lambda:InvokeFunction"], Effect = "Allow", Resource = var.review.function_arn }]
    error_message = jsonencode(local.permissions)
  }
}

run "every_way_leads_somewhere" {
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
    error_message = "A state has no end of its own but Done and Failed."
  }
}

run "every_failure_is_reported" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = alltrue([
      for name, state in local.definition.States : [for catch in state.Catch : [catch.ErrorEquals, catch.Next]] == [[["States.ALL"], "Report"]] if contains(["Task", "Map"], state.Type) && name != "Report"
    ])
    error_message = "What no retry has mended goes to the failure queue."
  }

  assert {
    condition     = local.definition.States.Report.Next == "Failed" && local.definition.States.Failed.Type == "Fail"
    error_message = "An execution that was reported is a failed one."
  }
}

run "every_task_is_tried_again_with_jitter" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = alltrue(flatten([
      for state in local.definition.States : [for retry in state.Retry : retry.JitterStrategy == "FULL" && retry.MaxAttempts >= 1] if state.Type == "Task"
    ]))
    error_message = "Many that fail together must not come back together."
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
    error_message = "Lambda is asked for its answer."
  }
}

run "express_gives_up_before_it_is_cut_off" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = [local.definition.States.Inspect.Arguments.Payload.deadline, local.definition.States.Publish.Arguments.Payload.deadline] == [
      "{% $toMillis($states.context.Execution.StartTime) + 180000 %}", "{% $toMillis($states.context.Execution.StartTime) + 215000 %}"
    ]
    error_message = "An upload that runs into the five minutes would be lost without a word."
  }

  assert {
    condition     = [local.definition.States.Publish.Retry[1].MaxAttempts, local.definition.States.Publish.Retry[1].MaxDelaySeconds] == [4, 8]
    error_message = "So would one that waits into them."
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
    error_message = "It has the time to try for longer."
  }
}

run "review_is_asked_before_anything_is_published" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = [for choice in local.definition.States.Inspected.Choices : choice.Next] == ["Review", "Publish"] && local.definition.States.Inspected.Default == "Done"
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = [for field in ["FunctionName", "Payload"] : local.definition.States.Review.Arguments[field]] == [var.review.function_arn, "{% $inspection %}"] && local.definition.States.Review.TimeoutSeconds == 30
    error_message = "It is given the inspection, and as much time as it was promised."
  }
}

run "only_what_the_review_allows_is_published" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = [for choice in local.definition.States.Reviewed.Choices : [choice.Condition, choice.Next]] == [["{% $review.allow = true %}", "Publish"], ["{% $review.allow = false %}", "Publish"]] && local.definition.States.Reviewed.Default == "Report"
    error_message = "An answer that is neither is a failure."
  }

  assert {
    condition     = keys(local.definition.States.Reviewed.Choices[1].Assign) == ["refusal"] && !can(local.definition.States.Reviewed.Choices[0].Assign)
    error_message = "Only a refusal is passed on as one."
  }

  assert {
    condition     = strcontains(local.definition.States.Publish.Arguments.Payload.version, "$inspection.source.version")
    error_message = "What was reviewed is published, not what has come since."
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
