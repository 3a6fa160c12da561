# A gallery for the web: every photograph in several widths and formats, behind CloudFront.

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

  name = "web-gallery"
  variants = {
    gallery = {
      widths  = [320, 640, 1280, 1920]
      formats = ["avif", "webp", "jpeg"]
      sizes   = "(min-width: 80rem) 38.5rem, (min-width: 40rem) calc(50vw - 1.5rem), calc(100vw - 2rem)" # as site/index.html lays them out
    }
  }
  key_template   = "{directory}{stem}-{width}-{version}{extension}" # images never change under their key
  manifest       = {}
  cdn            = {}
  remove_deleted = true
}

output "source_bucket" {
  description = "Name of the bucket for photographs"
  value       = module.pipeline.source_bucket
}

output "images_url" {
  description = "URL below which the manifests and images are"
  value       = module.pipeline.cdn_url
}
