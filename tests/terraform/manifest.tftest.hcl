mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

variables {
  key_template = "{directory}{stem}-{version}{extension}"
  manifest     = {}
}

run "no_manifest_by_default" {
  command = plan

  variables {
    key_template = "{directory}{stem}{extension}"
    manifest     = null
  }

  assert {
    condition     = alltrue([for name in ["MANIFEST", "CDN_URL", "CACHE_CONTROL"] : !contains(keys(aws_lambda_function.processor.environment[0].variables), name)])
    error_message = "A manifest is an optional part."
  }

  assert {
    condition     = !contains(keys(aws_iam_role_policy.processor), "retire-images")
    error_message = "Nothing is retired, so nothing is tagged."
  }
}

run "only_the_functions_own_changed_fields_are_in_the_environment" {
  command = plan

  variables {
    manifest = { key_template = "{directory}{stem}{extension}.json", max_age_seconds = 5, grace_days = 30, blurred_placeholder = true }
  }

  assert {
    condition = jsondecode(aws_lambda_function.processor.environment[0].variables["MANIFEST"]) == {
      key_template = "{directory}{stem}{extension}.json", max_age_seconds = 5, blurred_placeholder = true
    }
    error_message = aws_lambda_function.processor.environment[0].variables["MANIFEST"]
  }
}

run "images_with_a_version_are_cached_for_a_year_and_tagged_when_replaced" {
  command = plan

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables["CACHE_CONTROL"] == "public, max-age=31536000, immutable"
    error_message = "Immutable images must never be requested again."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.processor["retire-images"].policy).Statement == [{ Action = ["s3:PutObjectTagging"], Effect = "Allow", Resource = ["arn:aws:s3:::processed/*"] }]
    error_message = "A copy with a tag needs this besides s3:GetObject and s3:PutObject."
  }

  assert {
    condition     = local.retired_days == 7
    error_message = "The processed bucket deletes what is tagged."
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables["MANIFEST"] == "{}"
    error_message = aws_lambda_function.processor.environment[0].variables["MANIFEST"]
  }
}

run "images_without_a_version_are_replaced_in_place" {
  command = plan

  variables { key_template = "{directory}{stem}{extension}" }

  assert {
    condition     = !contains(keys(aws_iam_role_policy.processor), "retire-images")
    error_message = "Nothing is retired, so nothing is tagged."
  }
}
