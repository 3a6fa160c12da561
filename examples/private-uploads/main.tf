# Users of an application upload pictures of their own, and each sees only those.

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

  name = "avatars"

  variants = {
    avatar = { width = 256, height = 256, fit = "cover", format = "webp" }
  }

  # The sandbox must start, because every upload comes from a stranger.
  require_sandbox      = true
  formats              = ["avif", "heic", "jpeg", "png", "webp"]
  max_source_megabytes = 20
  max_megapixels       = 50

  metadata = {}
  upload_api = {
    jwt             = { issuer = var.issuer, audience = var.audience }
    allowed_origins = var.origins
  }
}

variable "issuer" {
  description = "URL of the OIDC issuer whose tokens are accepted, such as a Cognito user pool"
  type        = string
  default     = "https://id.example.com"
}

variable "audience" {
  description = "Audiences of these tokens"
  type        = list(string)
  default     = ["photos"]
}

variable "origins" {
  description = "Origins of the pages that upload"
  type        = list(string)
  default     = ["https://www.example.com"]
}

output "endpoint" {
  value = module.pipeline.upload_api_endpoint
}
