mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

run "table_is_encrypted_recoverable_and_on_demand" {
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

run "role_may_send_events_to_the_bus_with_its_own_source" {
  command = plan

  module { source = "./modules/events" }

  variables {
    bus_name  = "default"
    role_name = "processor"
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.announce_completions.policy).Statement == [{
      Action    = ["events:PutEvents"]
      Effect    = "Allow"
      Resource  = "arn:aws:events:eu-central-1:123456789012:event-bus/default"
      Condition = { StringEquals = { "events:source" = "image-pipeline" } }
    }]
    error_message = aws_iam_role_policy.announce_completions.policy
  }
}
