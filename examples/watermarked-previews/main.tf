# Previews for sale: everybody may see the watermarked preview, and the thumbnail is too small to be worth stealing.

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

  name = "previews"

  variants = {
    preview = { width = 1200, height = 1200, format = "jpeg", quality = 75 }
    thumb   = { width = 240, height = 240, fit = "cover", position = "entropy", format = "webp", watermark = false }
  }
  key_template = "{variant}/{directory}{stem}{extension}"

  watermark = {
    text             = "© Example Pictures"
    position         = "tile"
    width_percent    = 35
    opacity_percent  = 35
    rotation_degrees = 30
  }
  keep_copyright = true

  # A preview goes with its original, and originals are kept for a year after they are deleted.
  remove_deleted         = true
  source_noncurrent_days = 365
}

output "processed_bucket" {
  value = module.pipeline.processed_bucket
}
