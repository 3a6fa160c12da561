# Nothing is published before Amazon Rekognition has looked at it.

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

  name = "moderated"

  formats  = ["jpeg", "png"] # those that Rekognition reads
  workflow = { review = { function_arn = aws_lambda_function.review.arn } }
}

resource "aws_lambda_function" "review" {
  function_name = "moderated-review"
  role          = aws_iam_role.review.arn

  filename         = "${path.module}/review.zip"
  source_code_hash = try(filebase64sha256("${path.module}/review.zip"), null)
  handler          = "review.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  timeout          = 25
}

resource "aws_iam_role" "review" {
  name = "moderated-review"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "review" {
  name = "look-at-uploads"
  role = aws_iam_role.review.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:GetObject", "s3:GetObjectVersion"], Resource = "arn:aws:s3:::${module.pipeline.source_bucket}/*" },
      { Effect = "Allow", Action = ["rekognition:DetectModerationLabels"], Resource = "*" },
    ]
  })
}

output "source_bucket" {
  value = module.pipeline.source_bucket
}
