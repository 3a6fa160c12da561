# Every image that is put into the source bucket comes out at most 1600 pixels wide and high.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

module "pipeline" {
  source = "../.."

  name = "photos"
}

output "source_bucket" {
  value = module.pipeline.source_bucket
}

output "processed_bucket" {
  value = module.pipeline.processed_bucket
}
