mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name                         = "pets"
  function                     = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:processor", timeout_seconds = 60, transient_errors = ["TransientFailure"] }
  source_bucket                = { name = "source", arn = "arn:aws:s3:::source" }
  processed_bucket             = { name = "processed", arn = "arn:aws:s3:::processed" }
  trigger                      = { prefix = "photos/", suffixes = [".jpg", ".JPG"] }
  reviewed_only                = false
  batch_size                   = 10
  max_concurrency              = 5
  tolerated_failure_percentage = 5
  timeout_hours                = 24
  log_retention_days           = 30
  xray                         = false
  tags                         = {}
}

run "backfill_ends_in_any_case" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition     = local.definition.TimeoutSeconds == 86400
    error_message = jsonencode(local.definition)
  }
}

run "objects_are_listed_or_read_from_an_inventory" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition = { for name, state in local.definition.States : name => state.ItemReader.Resource if state.Type == "Map" } == {
      Inventory = "arn:aws:states:::s3:getObject", Listing = "arn:aws:states:::s3:listObjectsV2"
    }
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = local.definition.States.Source.Default == "Listing" && one(local.definition.States.Source.Choices).Next == "Inventory"
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = local.definition.States.Inventory.ItemReader.ReaderConfig.InputType == "MANIFEST"
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = local.definition.States.Listing.ItemReader.Arguments == { Bucket = "source", Prefix = "{% $states.input.prefix %}" }
    error_message = jsonencode(local.definition)
  }
}

run "objects_have_a_limit_in_any_case" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition     = alltrue([for state in local.definition.States : state.ItemReader.ReaderConfig.MaxItems == "{% $states.input.max_objects %}" if state.Type == "Map"])
    error_message = "A bill is bounded before it begins."
  }
}

run "batches_and_their_number_at_once_are_limited" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition     = alltrue([for state in local.definition.States : [state.ItemBatcher.MaxItemsPerBatch, state.MaxConcurrency, state.ToleratedFailurePercentage] == [10, 5, 5] if state.Type == "Map"])
    error_message = jsonencode(local.definition)
  }
}

run "batch_is_one_invocation" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition     = alltrue([for state in local.definition.States : [keys(state.ItemProcessor.States), state.ItemProcessor.States.Batch.Arguments.FunctionName] == [["Batch"], var.function.arn] if state.Type == "Map"])
    error_message = jsonencode(local.definition)
  }

  assert {
    condition = local.definition.States.Listing.ItemProcessor.States.Batch.Arguments.Payload == {
      step          = "backfill"
      bucket        = "source"
      items         = "{% $states.input.Items %}"
      prefix        = "{% $states.input.BatchInput.prefix %}"
      trigger       = { prefix = "photos/", suffixes = [".jpg", ".JPG"] }
      reviewed_only = false
    }
    error_message = jsonencode(local.definition)
  }
}

run "what_was_never_reviewed_is_left_alone_with_a_review" {
  command = plan

  module { source = "./modules/backfill" }

  variables {
    reviewed_only = true
  }

  assert {
    condition     = local.definition.States.Listing.ItemProcessor.States.Batch.Arguments.Payload.reviewed_only
    error_message = jsonencode(local.definition)
  }
}

run "batch_is_tried_three_times_after_transient_failures_only" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition     = alltrue([for state in local.definition.States : [for retry in state.ItemProcessor.States.Batch.Retry : retry.MaxAttempts] == [2] if state.Type == "Map"])
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = toset(local.definition.States.Listing.ItemProcessor.States.Batch.Retry[0].ErrorEquals) == toset(var.function.transient_errors)
    error_message = jsonencode(local.definition)
  }
}

run "batches_are_express_while_there_is_time" {
  command = plan

  module { source = "./modules/backfill" }

  variables {
    function = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:processor", timeout_seconds = 85, transient_errors = ["TransientFailure"] }
  }

  assert {
    condition     = local.definition.States.Listing.ItemProcessor.ProcessorConfig == { ExecutionType = "EXPRESS", Mode = "DISTRIBUTED" }
    error_message = jsonencode(local.definition)
  }
}

run "batches_are_standard_when_attempts_take_longer" {
  command = plan

  module { source = "./modules/backfill" }

  variables {
    function = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:processor", timeout_seconds = 86, transient_errors = ["TransientFailure"] }
  }

  assert {
    condition     = local.definition.States.Listing.ItemProcessor.ProcessorConfig == { ExecutionType = "STANDARD", Mode = "DISTRIBUTED" }
    error_message = jsonencode(local.definition)
  }
}

run "results_go_where_no_image_goes" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition = alltrue([for state in local.definition.States : state.ResultWriter == {
      Arguments = { Bucket = "processed", Prefix = "{% '.pipeline/backfill/' & $states.context.Execution.Name %}" }, Resource = "arn:aws:states:::s3:putObject"
    } if state.Type == "Map"])
    error_message = jsonencode(local.definition)
  }
}

run "partition_of_the_function_is_that_of_everything" {
  command = plan

  module { source = "./modules/backfill" }

  variables {
    function = { arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:processor", timeout_seconds = 60, transient_errors = ["TransientFailure"] }
  }

  assert {
    condition     = !strcontains(jsonencode(local.definition), "arn:aws:")
    error_message = jsonencode(local.definition)
  }
}
