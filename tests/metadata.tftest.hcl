mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "metadata_and_events_are_off_by_default" {
  command = plan

  assert {
    condition     = length(module.metadata) + length(module.events) == 0
    error_message = "Without metadata and events there is no table, and no permission of theirs."
  }

  assert {
    condition     = !anytrue([for name in ["METADATA", "COMPLETION_BUS", "UPLOAD_API"] : contains(keys(aws_lambda_function.processor.environment[0].variables), name)])
    error_message = "What is off is not in the function's environment."
  }
}

run "metadata_is_on_with_an_empty_object" {
  command = plan

  variables {
    metadata = {}
  }

  assert {
    condition     = output.metadata_table == "image-pipeline-records"
    error_message = "got ${jsonencode(output.metadata_table)}"
  }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables.METADATA) == { table = "image-pipeline-records" }
    error_message = "The function learns the name of the table."
  }

  assert {
    condition     = length(module.events) == 0
    error_message = "Metadata is possible without events."
  }
}

run "events_are_possible_without_metadata" {
  command = plan

  variables {
    events = { bus_name = "photos" }
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.COMPLETION_BUS == "photos" && length(module.metadata) == 0
    error_message = "The function learns the name of the bus."
  }
}

run "everything_is_possible_together" {
  command = plan

  variables {
    metadata   = { expiration_days = 30 }
    events     = {}
    upload_api = {}
  }

  assert {
    condition     = length(setsubtract(["METADATA", "COMPLETION_BUS", "UPLOAD_API"], keys(aws_lambda_function.processor.environment[0].variables))) == 0
    error_message = "All three are on."
  }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables.METADATA).days_kept == 30
    error_message = "The function learns how long records are kept."
  }
}

run "table_is_encrypted_backed_up_and_paid_by_use" {
  command = plan

  module { source = "./modules/metadata" }

  variables {
    name                = "records"
    role_name           = "processor"
    deletion_protection = true
    tags                = {}
  }

  assert {
    condition     = aws_dynamodb_table.records.billing_mode == "PAY_PER_REQUEST" && aws_dynamodb_table.records.point_in_time_recovery[0].enabled && aws_dynamodb_table.records.deletion_protection_enabled
    error_message = "The table is on demand, recoverable and protected."
  }

  assert {
    condition     = aws_dynamodb_table.records.hash_key == "source_key" && toset([for index in aws_dynamodb_table.records.global_secondary_index : "${index.name}: ${index.hash_key}, ${index.range_key}"]) == toset(["by-status: status, updated_at", "by-owner: owner, updated_at"])
    error_message = "One item per source, and an index of the most recent by status and by owner."
  }

  assert {
    condition     = !anytrue([for ttl in aws_dynamodb_table.records.ttl : ttl.enabled])
    error_message = "Nothing expires by default."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.write_records.policy).Statement == [{ Action = ["dynamodb:GetItem", "dynamodb:PutItem"], Effect = "Allow", Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/records" }]
    error_message = aws_iam_role_policy.write_records.policy
  }
}

run "table_takes_a_key_and_expires_by_option" {
  command = plan

  module { source = "./modules/metadata" }

  variables {
    name                = "records"
    role_name           = "processor"
    kms_key             = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }
    deletion_protection = false
    expiration_days     = 30
    tags                = {}
  }

  assert {
    condition     = aws_dynamodb_table.records.server_side_encryption[0].kms_key_arn == var.kms_key.arn
    error_message = "The table is encrypted with the given key."
  }

  assert {
    condition     = aws_dynamodb_table.records.ttl[0].attribute_name == "expires_at" && aws_dynamodb_table.records.ttl[0].enabled
    error_message = "Records expire."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.write_records.policy).Statement[1].Resource == var.kms_key.arn && jsondecode(aws_iam_role_policy.write_records.policy).Statement[1].Condition.StringEquals["kms:ViaService"] == "dynamodb.eu-central-1.amazonaws.com"
    error_message = "The role uses the key for the table, and for nothing else."
  }
}

run "events_go_to_the_one_bus" {
  command = plan

  module { source = "./modules/events" }

  variables {
    bus_name  = "default"
    role_name = "processor"
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.announce_completions.policy).Statement == [{
      Action   = ["events:PutEvents"]
      Effect   = "Allow"
      Resource = "arn:aws:events:eu-central-1:123456789012:event-bus/default"
    }]
    error_message = aws_iam_role_policy.announce_completions.policy
  }
}

run "key_must_be_an_arn" {
  command = plan

  variables {
    metadata = { kms_key = { arn = "alias/photos" } }
  }

  expect_failures = [var.metadata]
}

run "records_are_kept_for_whole_days" {
  command = plan

  variables {
    metadata = { expiration_days = 0.5 }
  }

  expect_failures = [var.metadata]
}

run "bus_is_given_by_name" {
  command = plan

  variables {
    events = { bus_name = "arn:aws:events:eu-central-1:123456789012:event-bus/photos" }
  }

  expect_failures = [var.events]
}
