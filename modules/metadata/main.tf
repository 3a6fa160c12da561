terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# A table with one item per source key: the outcome of its latest upload.

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

  # Lists the latest records of a status.
  global_secondary_index {
    name            = "by-status"
    hash_key        = "status"
    range_key       = "updated_at"
    projection_type = "ALL"
  }

  # Lists the records of an owner. Only uploads by the upload API have one.
  global_secondary_index {
    name            = "by-owner"
    hash_key        = "owner"
    range_key       = "updated_at"
    projection_type = "ALL"
  }

  point_in_time_recovery { enabled = true }

  dynamic "server_side_encryption" {
    # Without a key, DynamoDB encrypts with its own.
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
