mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

variables {
  name                         = "pets"
  function                     = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:processor", timeout_seconds = 60, transient_errors = ["TransientFailure"] }
  source_bucket                = { name = "source", arn = "arn:aws:s3:::source" }
  processed_bucket             = { name = "processed", arn = "arn:aws:s3:::processed" }
  trigger                      = { prefix = "photos/", suffixes = [".jpg", ".JPG"] }
  batch_size                   = 10
  max_concurrency              = 5
  tolerated_failure_percentage = 5
  timeout_hours                = 24
  log_retention_days           = 30
  xray                         = false
  tags                         = {}
}

run "role_lists_the_source_invokes_the_function_and_writes_results" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition = { for capability, statements in local.permissions : capability => statements if statements != null } == {
      list-buckets = [
        { Action = ["s3:ListBucket"], Effect = "Allow", Resource = "arn:aws:s3:::source" },
        { Action = ["s3:ListBucket"], Effect = "Allow", Resource = "arn:aws:s3:::processed" },
      ]
      invoke-function = [{ Action = ["lambda:InvokeFunction"], Effect = "Allow", Resource = var.function.arn }]
      write-results = [{
        Action   = ["s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"]
        Effect   = "Allow"
        Resource = "arn:aws:s3:::processed/.pipeline/backfill/*"
      }]
    }
    error_message = jsonencode(local.permissions)
  }
}

run "role_starts_and_stops_only_its_own_executions" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition = jsondecode(aws_iam_role_policy.run_batches.policy).Statement == [
      { Action = ["states:StartExecution"], Effect = "Allow", Resource = output.state_machine_arn },
      { Action = ["states:DescribeExecution", "states:StopExecution"], Effect = "Allow", Resource = ["arn:aws:states:eu-central-1:123456789012:execution:machine:*", "arn:aws:states:eu-central-1:123456789012:execution:machine/*"] },
    ]
    error_message = aws_iam_role_policy.run_batches.policy
  }
}

run "inventory_is_read_only_if_there_is_one" {
  command = plan

  module { source = "./modules/backfill" }

  variables { inventory_bucket = { arn = "arn:aws:s3:::acme-inventory" } }

  assert {
    condition     = local.permissions.read-inventory == [{ Action = ["s3:GetObject"], Effect = "Allow", Resource = "arn:aws:s3:::acme-inventory/*" }]
    error_message = jsonencode(local.permissions)
  }

  assert {
    condition     = output.inventory_bucket == "acme-inventory"
    error_message = output.inventory_bucket
  }
}

run "key_is_used_only_when_there_is_one" {
  command = plan

  module { source = "./modules/backfill" }

  variables {
    kms_key = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
  }

  assert {
    condition = local.permissions.use-key == [{
      Action = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"], Effect = "Allow", Resource = var.kms_key.arn, Condition = { StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" } }
    }]
    error_message = jsonencode(local.permissions)
  }
}

run "backfill_always_has_a_timeout" {
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
    condition     = local.definition.States.Listing.ItemReader.Arguments == { Bucket = "{% $exists($states.input.prune) ? 'processed' : 'source' %}", Prefix = "{% $states.input.prefix %}" }
    error_message = jsonencode(local.definition)
  }
}

run "number_of_objects_is_always_limited" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition     = alltrue([for state in local.definition.States : state.ItemReader.ReaderConfig.MaxItems == "{% $states.input.max_objects %}" if state.Type == "Map"])
    error_message = "Throttling must limit the cost."
  }
}

run "batch_size_and_concurrency_are_limited" {
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
    condition     = alltrue([for state in local.definition.States : [for batch in values(state.ItemProcessor.States) : batch.Arguments.FunctionName] == [var.function.arn] if state.Type == "Map"])
    error_message = jsonencode(local.definition)
  }

  assert {
    condition = local.definition.States.Listing.ItemProcessor.States.ListedBatch.Arguments.Payload == {
      step    = "{% $states.input.BatchInput.prune ? 'prune' : 'backfill' %}"
      bucket  = "source"
      items   = "{% $states.input.Items %}"
      prefix  = "{% $states.input.BatchInput.prefix %}"
      trigger = { prefix = "photos/", suffixes = [".jpg", ".JPG"] }
      prune   = "{% $states.input.BatchInput.prune %}"
      retry   = "{% $exists($states.context.State.RetryCount) ? $states.context.State.RetryCount : 0 %}"
    }
    error_message = jsonencode(local.definition)
  }
}

run "batch_is_attempted_three_times_and_only_transient_failures_are_retried" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition     = alltrue([for state in local.definition.States : [for retry in one(values(state.ItemProcessor.States)).Retry : retry.MaxAttempts] == [2] if state.Type == "Map"])
    error_message = jsonencode(local.definition)
  }

  assert {
    condition     = toset(local.definition.States.Listing.ItemProcessor.States.ListedBatch.Retry[0].ErrorEquals) == toset(var.function.transient_errors)
    error_message = jsonencode(local.definition)
  }
}

run "batches_are_express_if_all_attempts_fit" {
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

run "batches_are_standard_if_attempts_take_longer" {
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

run "results_have_a_prefix_that_no_image_has" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition = alltrue([for state in local.definition.States : state.ResultWriter == {
      Arguments = { Bucket = "processed", Prefix = "{% '.pipeline/backfill/' & $states.context.Execution.Name %}" }, Resource = "arn:aws:states:::s3:putObject"
    } if state.Type == "Map"])
    error_message = jsonencode(local.definition)
  }
}

run "arns_have_the_partition_of_the_function" {
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

run "state_names_are_unique_across_maps" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition = length(flatten([for name, state in local.definition.States : [name, keys(try(state.ItemProcessor.States, {}))]])) == length(distinct(flatten([
      for name, state in local.definition.States : [name, keys(try(state.ItemProcessor.States, {}))]
    ])))
    error_message = jsonencode([for name, state in local.definition.States : [name, keys(try(state.ItemProcessor.States, {}))]])
  }
}
