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

run "backfill_is_off_by_default" {
  command = plan

  assert {
    condition     = length(module.backfill) == 0 && output.backfill == null
    error_message = "Without backfill there is none."
  }
}

run "backfill_is_on_with_an_empty_object" {
  command = plan

  variables {
    backfill = {}
  }

  assert {
    condition = jsonencode(output.backfill) == jsonencode({
      architecture                 = "arm64"
      attempts                     = 3
      batch_size                   = 10
      function_name                = aws_lambda_function.processor.function_name
      inventory_bucket             = null
      max_concurrency              = 5
      memory_mb                    = 1769
      prefix                       = ""
      processed_bucket             = output.processed_bucket
      results_prefix               = ".pipeline/backfill/"
      source_bucket                = output.source_bucket
      state_machine_arn            = "arn:aws:states:eu-central-1:123456789012:stateMachine:machine"
      suffixes                     = []
      timeout_seconds              = 60
      tolerated_failure_percentage = 5
      variants                     = 1
    })
    error_message = jsonencode(output.backfill)
  }
}

run "role_lists_the_source_invokes_the_function_and_writes_results" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition = { for capability, statements in local.permissions : capability => statements if statements != null } == {
      list-source     = [{ Action = ["s3:ListBucket"], Effect = "Allow", Resource = "arn:aws:s3:::source" }]
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

run "role_starts_and_ends_its_own_executions" {
  command = plan

  module { source = "./modules/backfill" }

  assert {
    condition = jsondecode(aws_iam_role_policy.run_batches.policy).Statement == [
      { Action = ["states:StartExecution"], Effect = "Allow", Resource = output.state_machine_arn },
      { Action = ["states:DescribeExecution", "states:StopExecution"], Effect = "Allow", Resource = "arn:aws:states:eu-central-1:123456789012:execution:machine/*" },
    ]
    error_message = aws_iam_role_policy.run_batches.policy
  }
}

run "inventory_is_read_only_if_there_is_one" {
  command = plan

  module { source = "./modules/backfill" }

  variables {
    inventory_bucket = { arn = "arn:aws:s3:::acme-inventory" }
  }

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
    condition     = local.permissions.use-key == [{ Action = ["kms:Decrypt", "kms:GenerateDataKey"], Effect = "Allow", Resource = var.kms_key.arn }]
    error_message = jsonencode(local.permissions)
  }
}

run "batch_of_nothing_is_refused" {
  command = plan

  variables {
    backfill = { batch_size = 0 }
  }

  expect_failures = [var.backfill]
}

run "batch_that_no_payload_holds_is_refused" {
  command = plan

  variables {
    backfill = { batch_size = 101 }
  }

  expect_failures = [var.backfill]
}

run "concurrency_without_a_limit_is_refused" {
  command = plan

  variables {
    backfill = { max_concurrency = 0 }
  }

  expect_failures = [var.backfill]
}

run "concurrency_that_leaves_none_to_live_uploads_is_refused" {
  command = plan

  variables {
    backfill             = { max_concurrency = 5 }
    reserved_concurrency = 5
  }

  expect_failures = [var.backfill]
}

run "concurrency_that_leaves_some_is_not" {
  command = plan

  variables {
    backfill             = { max_concurrency = 5 }
    reserved_concurrency = 6
  }

  assert {
    condition     = length(module.backfill) == 1
    error_message = "Live uploads keep one of six."
  }
}

run "more_failures_than_there_are_objects_is_refused" {
  command = plan

  variables {
    backfill = { tolerated_failure_percentage = 101 }
  }

  expect_failures = [var.backfill]
}

run "end_that_never_comes_is_refused" {
  command = plan

  variables {
    backfill = { timeout_hours = 9000 }
  }

  expect_failures = [var.backfill]
}

run "inventory_by_its_key_is_refused" {
  command = plan

  variables {
    backfill = { inventory_bucket = { arn = "arn:aws:s3:::acme-inventory/manifest.json" } }
  }

  expect_failures = [var.backfill]
}
