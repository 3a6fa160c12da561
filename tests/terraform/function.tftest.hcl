mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

run "names_begin_with_the_name" {
  command = plan

  variables { name = "pets" }

  assert {
    condition     = [aws_lambda_function.processor.function_name, aws_iam_role.processor.name, aws_sqs_queue.failures.name, aws_cloudwatch_log_group.processor.name] == ["pets", "pets", "pets-failures", "/aws/lambda/pets"]
    error_message = "Function, role, queue and log group are named for the deployment."
  }
}

run "defaults" {
  command = plan

  assert {
    condition     = [one(aws_lambda_function.processor.architectures), aws_lambda_function.processor.memory_size, aws_lambda_function.processor.runtime, aws_lambda_function.processor.handler] == ["arm64", 1769, "python3.13", "index.handler"]
    error_message = "got ${jsonencode([aws_lambda_function.processor.architectures, aws_lambda_function.processor.memory_size])}"
  }

  assert {
    condition     = aws_lambda_function.processor.reserved_concurrent_executions == -1 || aws_lambda_function.processor.reserved_concurrent_executions == null
    error_message = "Reserved concurrency is off by default."
  }

  assert {
    condition     = aws_lambda_function.processor.logging_config[0].log_format == "JSON" && aws_lambda_function.processor.logging_config[0].log_group == aws_cloudwatch_log_group.processor.name
    error_message = "The function logs JSON into its own group."
  }

  assert {
    condition     = aws_cloudwatch_log_group.processor.retention_in_days == 30
    error_message = "Logs are not kept forever."
  }

  assert {
    condition     = aws_lambda_function.processor.tracing_config[0].mode == "PassThrough"
    error_message = "X-Ray costs money, so it must be off by default."
  }

  assert {
    condition     = aws_sqs_queue.failures.message_retention_seconds == 1209600 && aws_sqs_queue.failures.sqs_managed_sse_enabled
    error_message = "The failure queue must keep messages, encrypted, for SQS's maximum."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.processor.destination_config[0].on_failure[0].destination == aws_sqs_queue.failures.arn
    error_message = "Every failure must be reported."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.processor.maximum_retry_attempts == 2 && aws_lambda_function_event_invoke_config.processor.maximum_event_age_in_seconds == 21600
    error_message = "Lambda's own limits are the defaults."
  }

  assert {
    condition = keys(aws_lambda_function.processor.environment[0].variables) == tolist([
      "BACKGROUND", "FAILURE_QUEUE_URL", "KEEP_COPYRIGHT", "KEEP_PROVENANCE", "KEY_TEMPLATE", "MAX_MEGAPIXELS", "MAX_SOURCE_MEGABYTES", "POWERTOOLS_LOG_LEVEL",
      "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME", "PROCESSED_BUCKET", "VARIANTS"
    ])
    error_message = join(", ", keys(aws_lambda_function.processor.environment[0].variables))
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables["PROCESSED_BUCKET"] == output.processed_bucket && aws_lambda_function.processor.environment[0].variables["FAILURE_QUEUE_URL"] == output.failure_queue_url
    error_message = "The function must know the processed bucket and the failure queue."
  }

  assert {
    condition     = [for name in ["BACKGROUND", "KEEP_COPYRIGHT", "KEEP_PROVENANCE", "KEY_TEMPLATE", "MAX_MEGAPIXELS", "MAX_SOURCE_MEGABYTES"] : aws_lambda_function.processor.environment[0].variables[name]] == ["#ffffff", "false", "true", "{directory}{stem}{extension}", "150", "100"]
    error_message = jsonencode(aws_lambda_function.processor.environment[0].variables)
  }

  assert {
    condition     = !contains(keys(aws_lambda_function.processor.environment[0].variables), "FORMATS")
    error_message = "By default the function must accept all formats."
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.KEEP_PROVENANCE == "true"
    error_message = "Results keep how the upload came to be."
  }

  assert {
    condition     = !contains(keys(aws_lambda_function.processor.environment[0].variables), "EXIF_FACTS")
    error_message = "By default no EXIF facts must be recorded."
  }

  assert {
    condition = jsondecode(aws_lambda_function.processor.environment[0].variables["VARIANTS"]) == {
      large = { width = 1600, height = 1600 } # the function has the same defaults
    }
    error_message = aws_lambda_function.processor.environment[0].variables["VARIANTS"]
  }
}

run "settings_reach_the_function" {
  command = plan

  variables {
    log_level             = "DEBUG"
    xray                  = true
    cache_control         = "public, max-age=86400"
    timeout_seconds       = 120
    memory_mb             = 3538
    reserved_concurrency  = 5
    architecture          = "x86_64"
    retries               = 0
    max_event_age_seconds = 60
    formats               = ["png", "jpeg", "jpeg"]
    require_sandbox       = true
    keep_provenance       = false
    exif_facts            = ["place", "date"]
  }

  assert {
    condition     = aws_lambda_function.processor.logging_config[0].application_log_level == "DEBUG" && aws_lambda_function.processor.environment[0].variables["POWERTOOLS_LOG_LEVEL"] == "DEBUG"
    error_message = "Lambda and the function must have the same log level, or lines are lost."
  }

  assert {
    condition     = aws_lambda_function.processor.tracing_config[0].mode == "Active"
    error_message = "xray turns tracing on."
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables["CACHE_CONTROL"] == "public, max-age=86400"
    error_message = "Results get the header."
  }

  assert {
    condition     = [aws_lambda_function.processor.timeout, aws_lambda_function.processor.memory_size, aws_lambda_function.processor.reserved_concurrent_executions, one(aws_lambda_function.processor.architectures)] == [120, 3538, 5, "x86_64"]
    error_message = "The function must get its limits from the variables."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.processor.maximum_retry_attempts == 0 && aws_lambda_function_event_invoke_config.processor.maximum_event_age_in_seconds == 60
    error_message = "Lambda's queue takes its limits from the variables."
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.FORMATS == jsonencode(["jpeg", "png"])
    error_message = "The function accepts the formats that are chosen."
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables["REQUIRE_SANDBOX"] == "true"
    error_message = jsonencode(aws_lambda_function.processor.environment[0].variables)
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.EXIF_FACTS == jsonencode(["date", "place"])
    error_message = "The function learns which facts to record."
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.KEEP_PROVENANCE == "false"
    error_message = "Results drop how the upload came to be if that is wanted."
  }
}

run "fields_of_a_variant_reach_the_function" {
  command = plan

  variables {
    variants = {
      thumb = {
        width  = 320, fit = "cover", position = "entropy", enlarge = true, sharpen = true, format = "webp", quality = 70,
        chroma = "4:4:4", lossless = true, max_bytes = 20000, watermark = false
      }
    }
  }

  assert {
    condition = jsondecode(aws_lambda_function.processor.environment[0].variables["VARIANTS"]) == {
      thumb = {
        width  = 320, fit = "cover", position = "entropy", enlarge = true, sharpen = true, format = "webp", quality = 70,
        chroma = "4:4:4", lossless = true, max_bytes = 20000, watermark = false
      }
    }
    error_message = aws_lambda_function.processor.environment[0].variables["VARIANTS"]
  }
}

run "fifty_variants_fit_into_the_environment" {
  command = plan

  variables {
    variants     = { for number in range(50) : "variant-${number}" => { width = 320, height = 240, fit = "cover" } }
    key_template = "{directory}{stem}-{variant}{extension}"
  }

  assert {
    condition     = length(jsondecode(aws_lambda_function.processor.environment[0].variables.VARIANTS)) == 50
    error_message = aws_lambda_function.processor.environment[0].variables.VARIANTS
  }
}

run "a_set_of_widths_and_formats_reaches_the_function" {
  command = plan

  variables {
    upload_options = true
    key_template   = "{directory}{stem}-{width}{extension}"
    variants = {
      hero = { widths = [320, 640], aspect_ratio = "16:9", fit = "cover", formats = ["avif", "jpeg"], prefixes = ["photos/"] }
    }
  }

  assert {
    condition = jsondecode(aws_lambda_function.processor.environment[0].variables.VARIANTS) == {
      hero = { widths = [320, 640], aspect_ratio = "16:9", fit = "cover", formats = ["avif", "jpeg"], prefixes = ["photos/"] }
    }
    error_message = aws_lambda_function.processor.environment[0].variables.VARIANTS
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.UPLOAD_OPTIONS == "true"
    error_message = "The function must read the options of an upload."
  }
}

run "several_variants_get_different_keys" {
  command = plan

  variables {
    variants     = { thumb = { width = 320 }, large = { width = 1600 } }
    key_template = "{directory}{stem}-{variant}{extension}"
  }

  assert {
    condition     = keys(jsondecode(aws_lambda_function.processor.environment[0].variables["VARIANTS"])) == ["large", "thumb"] && aws_lambda_function.processor.environment[0].variables["KEY_TEMPLATE"] == "{directory}{stem}-{variant}{extension}"
    error_message = jsonencode(aws_lambda_function.processor.environment[0].variables)
  }
}

run "settings_beyond_lambdas_limit_are_refused" {
  command         = plan
  expect_failures = [aws_lambda_function.processor]

  variables {
    variants     = { for number in range(130) : "variant-${number}" => { width = 100 + number } }
    key_template = "{directory}{stem}-{variant}{extension}"
  }
}

run "text_reaches_the_function_with_the_defaults" {
  command = plan

  variables { watermark = { text = "© Acme" } }

  assert {
    condition = jsondecode(aws_lambda_function.processor.environment[0].variables["WATERMARK"]) == {
      text  = "© Acme", position = "bottom-right", width_percent = 20, margin_percent = 2, opacity_percent = 60, rotation_degrees = 0,
      color = "#ffffff", contrast = "outline"
    }
    error_message = aws_lambda_function.processor.environment[0].variables["WATERMARK"]
  }
}

run "logo_is_in_the_package" {
  command = plan

  variables { watermark = { logo = "tools/samples/astronaut.png" } }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables["WATERMARK"]).logo == "watermark/logo.png" && !can(jsondecode(aws_lambda_function.processor.environment[0].variables["WATERMARK"]).text)
    error_message = aws_lambda_function.processor.environment[0].variables["WATERMARK"]
  }
}

run "font_is_in_the_package" {
  command = plan

  variables { watermark = { text = "Acme", font = "tests/terraform/mocks/font.ttf" } }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables["WATERMARK"]).font == "watermark/font.ttf"
    error_message = aws_lambda_function.processor.environment[0].variables["WATERMARK"]
  }
}

run "arns_of_another_region_are_refused" {
  command = plan

  variables {
    kms_key    = { arn = "arn:aws:kms:us-east-1:123456789012:key/1234abcd" }
    metadata   = { kms_key = { arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd" } }
    workflow   = { review = { function_arn = "arn:aws:lambda:us-east-1:123456789012:function:moderation" } }
    monitoring = { topic_arns = ["arn:aws:sns:eu-central-1:123456789012:here", "arn:aws:sns:us-east-1:123456789012:there"] }
  }

  assert {
    condition = local.arns_of_other_regions == [
      "kms_key.arn (arn:aws:kms:us-east-1:123456789012:key/1234abcd)",
      "metadata.kms_key.arn (arn:aws:kms:eu-west-1:123456789012:key/1234abcd)",
      "monitoring.topic_arns[1] (arn:aws:sns:us-east-1:123456789012:there)",
      "workflow.review.function_arn (arn:aws:lambda:us-east-1:123456789012:function:moderation)",
    ]
    error_message = jsonencode(local.arns_of_other_regions)
  }

  expect_failures = [aws_lambda_function.processor]
}
