terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

# A bucket for images: private, encrypted, HTTPS only, with lifecycle rules. Its settings refer to its ID, which is unknown
# while the bucket is replaced, so that they are replaced too.

resource "aws_s3_bucket" "pictures" {
  bucket        = var.name
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "private" {
  bucket = aws_s3_bucket.pictures.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "owner" {
  bucket = aws_s3_bucket.pictures.id

  rule { object_ownership = "BucketOwnerEnforced" }
}

# Without a key, S3 encrypts with its own. Declaring that would show a change in every plan of provider 6.22 to 6.39.

resource "aws_s3_bucket_server_side_encryption_configuration" "at_rest" {
  count = var.kms_key == null ? 0 : 1

  bucket = aws_s3_bucket.pictures.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key.arn
    }
  }
}

resource "aws_s3_bucket_policy" "https_only" {
  bucket = aws_s3_bucket.pictures.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "DenyPlainHttp"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.pictures.arn, "${aws_s3_bucket.pictures.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      var.policy_statements,
    )
  })
}

resource "aws_s3_bucket_versioning" "pictures" {
  count = var.is_versioned ? 1 : 0

  bucket = aws_s3_bucket.pictures.id

  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_lifecycle_configuration" "cleanup" {
  bucket = aws_s3_bucket.pictures.id

  rule {
    id     = "abort-incomplete-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload { days_after_initiation = var.abort_multipart_days }
  }

  dynamic "rule" {
    for_each = var.is_versioned ? var.noncurrent_days[*] : []

    content {
      id     = "expire-old-versions"
      status = "Enabled"

      filter {}

      noncurrent_version_expiration { noncurrent_days = rule.value }
      # The delete marker is all that is left of a deleted object when its last version expires.
      expiration { expired_object_delete_marker = true }
    }
  }

  dynamic "rule" {
    for_each = var.expiration_days[*]

    content {
      id     = "expire"
      status = "Enabled"

      filter {}

      expiration { days = rule.value }
      # With versioning, an expired object becomes an old version, which must expire as well.
      noncurrent_version_expiration { noncurrent_days = 1 }
    }
  }
  # S3 counts the days from the creation of an object, which the copy that tags it begins anew.
  dynamic "rule" {
    for_each = var.retired_days[*]

    content {
      id     = "delete-retired"
      status = "Enabled"

      filter {
        tag {
          key   = "retired"
          value = "true"
        }
      }

      expiration { days = rule.value }
    }
  }
}
