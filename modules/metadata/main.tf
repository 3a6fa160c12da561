terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# One item per source: what became of its newest upload.

resource "aws_dynamodb_table" "records" {
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "source_key"
  deletion_protection_enabled = var.deletion_protection
  tags                        = var.tags

  attribute {
    name = "source_key"
    type = "S"
  }

  attribute {
    name = "status"
    type = "S"
  }

  attribute {
    name = "owner"
    type = "S"
  }

  attribute {
    name = "updated_at"
    type = "S"
  }

  # The most recent, and the rejected.
  global_secondary_index {
    name            = "by-status"
    hash_key        = "status"
    range_key       = "updated_at"
    projection_type = "ALL"
  }

  # Everyone's own, of what came by the upload API: nothing else has an owner.
  global_secondary_index {
    name            = "by-owner"
    hash_key        = "owner"
    range_key       = "updated_at"
    projection_type = "ALL"
  }

  point_in_time_recovery { enabled = true }

  dynamic "server_side_encryption" {
    # Without a key of the customer's, DynamoDB encrypts with one of its own.
    for_each = var.kms_key[*]

    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value.arn
    }
  }

  dynamic "ttl" {
    for_each = var.expiration_days[*]

    content {
      enabled        = true
      attribute_name = "expires_at"
    }
  }
}

locals {
  region = split(":", aws_dynamodb_table.records.arn)[3]

  permissions = concat(
    [
      { Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:PutItem"], Resource = aws_dynamodb_table.records.arn },
    ],
    [for key in var.kms_key[*] : {
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
      Resource  = key.arn
      Condition = { StringEquals = { "kms:ViaService" = "dynamodb.${local.region}.amazonaws.com" } }
    }],
  )
}

resource "aws_iam_role_policy" "write_records" {
  name   = "write-records"
  role   = var.role_name
  policy = jsonencode({ Version = "2012-10-17", Statement = local.permissions })
}
