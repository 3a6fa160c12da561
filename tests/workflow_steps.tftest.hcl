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

run "every_way_leads_somewhere" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation:live", timeout_seconds = 30 }
  }

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

  variables {
    review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation:live", timeout_seconds = 30 }
  }

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

  variables {
    review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation:live", timeout_seconds = 30 }
  }

  assert {
    condition = alltrue(flatten([
      for state in merge(local.definition.States, local.definition.States.Render.ItemProcessor.States) : [for retry in state.Retry : retry.JitterStrategy == "FULL" && retry.MaxAttempts >= 1] if state.Type == "Task"
    ]))
    error_message = "Many that fail together must not come back together."
  }
}

run "only_transient_failures_of_the_function_are_tried_again" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = toset(flatten([
      for name, state in merge(local.definition.States, local.definition.States.Render.ItemProcessor.States) : state.Retry[name == "Inspect" ? 1 : 0].ErrorEquals if state.Type == "Task" && try(state.Arguments.FunctionName, "") == var.function.arn
    ])) == toset(var.function.transient_errors)
    error_message = "What would fail again is reported at once."
  }
}

run "function_does_every_step" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = [for name, state in merge(local.definition.States, local.definition.States.Render.ItemProcessor.States) : name if try(state.Arguments.FunctionName, "") == var.function.arn] == ["Inspect", "Record", "Reject", "RenderVariant"]
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = alltrue([for state in merge(local.definition.States, local.definition.States.Render.ItemProcessor.States) : endswith(state.Resource, ":states:::lambda:invoke") if can(state.Arguments.FunctionName)])
    error_message = "Lambda is asked for its answer."
  }
}

run "step_is_waited_for_longer_than_the_function_may_take" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = alltrue([for state in merge(local.definition.States, local.definition.States.Render.ItemProcessor.States) : state.TimeoutSeconds == 65 if try(state.Arguments.FunctionName, "") == var.function.arn])
    error_message = "Lambda knows better why it ended."
  }
}

run "images_are_made_four_at_once" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = local.definition.States.Render.MaxConcurrency == 4
    error_message = jsonencode(local.definition)
  }
}

run "failure_reads_like_one_of_lambda" {
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

run "express_gives_up_before_it_is_cut_off" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition = [local.definition.States.Inspect.Arguments.Payload.deadline, local.definition.States.Record.Arguments.Payload.deadline] == [
      "{% $toMillis($states.context.Execution.StartTime) + 180000 %}", "{% $toMillis($states.context.Execution.StartTime) + 270000 %}"
    ]
    error_message = "Nobody would be told of an upload that runs into the five minutes."
  }

  assert {
    condition     = [local.definition.States.Record.Retry[0].MaxAttempts, local.definition.States.Record.Retry[0].MaxDelaySeconds] == [4, 8]
    error_message = "Nor of one that waits into them."
  }
}

run "burst_waits_before_anything_is_begun" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = local.definition.States.Inspect.Retry[0].ErrorEquals == ["Lambda.TooManyRequestsException"]
    error_message = jsonencode(local.definition.States.Inspect.Retry)
  }

  assert {
    # 180 seconds is the time that inspecting has: these pauses leave some of it for the function.
    condition     = sum([for retry in range(local.definition.States.Inspect.Retry[0].MaxAttempts) : min(2 * pow(2, retry), local.definition.States.Inspect.Retry[0].MaxDelaySeconds)]) <= 150
    error_message = "What waits beyond its time is given up."
  }
}

run "standard_has_no_deadline" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    type = "standard"
  }

  assert {
    condition     = alltrue([for state in merge(local.definition.States, local.definition.States.Render.ItemProcessor.States) : state.Arguments.Payload.deadline == null if try(state.Arguments.FunctionName, "") == var.function.arn])
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = [local.definition.States.Record.Retry[0].MaxAttempts, local.definition.States.Record.Retry[0].MaxDelaySeconds] == [6, 600]
    error_message = "It has the time to try for longer."
  }
}

run "partition_of_the_function_is_that_of_everything" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    function = { arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:processor", timeout_seconds = 60, transient_errors = ["TransientFailure"] }
  }

  assert {
    condition     = alltrue([for state in merge(local.definition.States, local.definition.States.Render.ItemProcessor.States) : startswith(state.Resource, "arn:aws-cn:states:::") if state.Type == "Task"])
    error_message = jsonencode(local.definition)
  }
}

run "nobody_is_asked_without_a_review" {
  command = plan

  module { source = "./modules/workflow" }

  assert {
    condition     = !strcontains(jsonencode(local.definition), "Review") && [for choice in local.definition.States.Inspected.Choices : choice.Next] == ["Reject", "Done"] && local.definition.States.Inspected.Default == "Render"
    error_message = jsonencode(local.definition)
  }
}

run "review_is_asked_before_anything_is_made" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation:live", timeout_seconds = 30 }
  }

  assert {
    condition     = [for choice in local.definition.States.Inspected.Choices : choice.Next] == ["Reject", "Done", "Review"]
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = [for field in ["FunctionName", "Payload"] : local.definition.States.Review.Arguments[field]] == [var.review.function_arn, "{% $inspection %}"] && local.definition.States.Review.TimeoutSeconds == 30
    error_message = "It is given the inspection, and as much time as it was promised."
  }
}

run "only_what_the_review_allows_is_made" {
  command = plan

  module { source = "./modules/workflow" }

  variables {
    review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation:live", timeout_seconds = 30 }
  }

  assert {
    condition     = [for choice in local.definition.States.Reviewed.Choices : [choice.Condition, choice.Next]] == [["{% $review.allow = true %}", "Render"], ["{% $review.allow = false %}", "Reject"]] && local.definition.States.Reviewed.Default == "Report"
    error_message = "An answer that is neither is a failure."
  }

  assert {
    condition     = local.definition.States.Reviewed.Choices[1].Assign.rejection.reason == "refused"
    error_message = "The reason code says who refused."
  }
}
