# Images of what is uploaded to a bucket that somebody else configures.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

variable "bucket" {
  description = "Name of the existing bucket"
  type        = string
}

module "pipeline" {
  source = "../.."

  name                   = "existing-bucket"
  existing_source_bucket = var.bucket
  trigger_prefix         = "photos/"
  variants               = { large = { width = 1600 }, thumb = { width = 320, format = "webp" } }
  key_template           = "{variant}/{directory}{stem}{extension}"
  backfill               = {} # for what was uploaded before
}

output "processed_bucket" {
  description = "Name of the bucket for processed images"
  value       = module.pipeline.processed_bucket
}

output "backfill" {
  description = "What `make backfill` needs to know about this deployment"
  value       = module.pipeline.backfill
}
