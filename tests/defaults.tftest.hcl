mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "names_begin_with_the_name" {
  command = plan

  variables {
    name = "pets"
  }

  assert {
    condition     = [aws_lambda_function.processor.function_name, aws_iam_role.processor.name, aws_sqs_queue.failures.name, aws_cloudwatch_log_group.processor.name] == ["pets", "pets", "pets-failures", "/aws/lambda/pets"]
    error_message = "Function, role, queue and log group are named for the deployment."
  }
}

run "function_is_one_full_vcpu_of_arm64" {
  command = plan

  assert {
    condition     = [one(aws_lambda_function.processor.architectures), aws_lambda_function.processor.memory_size, aws_lambda_function.processor.runtime, aws_lambda_function.processor.handler] == ["arm64", 1769, "python3.13", "index.handler"]
    error_message = "got ${jsonencode([aws_lambda_function.processor.architectures, aws_lambda_function.processor.memory_size])}"
  }
}

run "function_has_no_concurrency_of_its_own" {
  command = plan

  assert {
    condition     = aws_lambda_function.processor.reserved_concurrent_executions == -1 || aws_lambda_function.processor.reserved_concurrent_executions == null
    error_message = "Reserved concurrency is off by default."
  }
}

run "logs_are_json_in_a_group_that_is_there_first" {
  command = plan

  assert {
    condition     = aws_lambda_function.processor.logging_config[0].log_format == "JSON" && aws_lambda_function.processor.logging_config[0].log_group == aws_cloudwatch_log_group.processor.name
    error_message = "The function logs JSON into its own group."
  }
}

run "logs_are_kept_for_a_month" {
  command = plan

  assert {
    condition     = aws_cloudwatch_log_group.processor.retention_in_days == 30
    error_message = "Logs are not kept for ever."
  }
}

run "lambda_filters_logs_at_the_level_of_the_function" {
  command = plan

  variables {
    log_level = "DEBUG"
  }

  assert {
    condition     = aws_lambda_function.processor.logging_config[0].application_log_level == "DEBUG" && aws_lambda_function.processor.environment[0].variables["POWERTOOLS_LOG_LEVEL"] == "DEBUG"
    error_message = "A level that only one of the two knows loses lines."
  }
}

run "traces_are_off" {
  command = plan

  assert {
    condition     = aws_lambda_function.processor.tracing_config[0].mode == "PassThrough"
    error_message = "X-Ray costs money and is asked for."
  }
}

run "traces_are_on_by_request" {
  command = plan

  variables {
    xray = true
  }

  assert {
    condition     = aws_lambda_function.processor.tracing_config[0].mode == "Active"
    error_message = "xray turns tracing on."
  }
}

run "failures_are_kept_encrypted_for_fourteen_days" {
  command = plan

  assert {
    condition     = aws_sqs_queue.failures.message_retention_seconds == 1209600 && aws_sqs_queue.failures.sqs_managed_sse_enabled
    error_message = "The failure queue keeps what it gets, encrypted, for as long as SQS can."
  }
}

run "exhausted_retries_go_to_the_failure_queue" {
  command = plan

  assert {
    condition     = aws_lambda_function_event_invoke_config.processor.destination_config[0].on_failure[0].destination == aws_sqs_queue.failures.arn
    error_message = "Nothing is swallowed."
  }
}

run "transient_failures_are_tried_three_times_within_six_hours" {
  command = plan

  assert {
    condition     = aws_lambda_function_event_invoke_config.processor.maximum_retry_attempts == 2 && aws_lambda_function_event_invoke_config.processor.maximum_event_age_in_seconds == 21600
    error_message = "Lambda's own limits are the defaults."
  }
}

run "environment_holds_the_settings_and_nothing_else" {
  command = plan

  assert {
    condition = keys(aws_lambda_function.processor.environment[0].variables) == tolist([
      "BACKGROUND", "FAILURE_QUEUE_URL", "KEEP_COPYRIGHT", "KEY_TEMPLATE", "MAX_MEGAPIXELS", "MAX_SOURCE_MEGABYTES", "POWERTOOLS_LOG_LEVEL",
      "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME", "PROCESSED_BUCKET", "VARIANTS"
    ])
    error_message = join(", ", keys(aws_lambda_function.processor.environment[0].variables))
  }
}

run "results_go_to_the_processed_bucket_and_failures_to_the_queue" {
  command = plan

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables["PROCESSED_BUCKET"] == output.processed_bucket && aws_lambda_function.processor.environment[0].variables["FAILURE_QUEUE_URL"] == output.failure_queue_url
    error_message = "The function is told where results and failures go."
  }
}

run "settings_are_written_as_text" {
  command = plan

  assert {
    condition     = [for name in ["BACKGROUND", "KEEP_COPYRIGHT", "KEY_TEMPLATE", "MAX_MEGAPIXELS", "MAX_SOURCE_MEGABYTES"] : aws_lambda_function.processor.environment[0].variables[name]] == ["#ffffff", "false", "{directory}{stem}{extension}", "150", "100"]
    error_message = jsonencode(aws_lambda_function.processor.environment[0].variables)
  }
}

run "cache_control_is_set_when_given" {
  command = plan

  variables {
    cache_control = "public, max-age=86400"
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables["CACHE_CONTROL"] == "public, max-age=86400"
    error_message = "Results get the header."
  }
}

run "upload_command_puts_a_photograph_into_the_source" {
  command = plan

  assert {
    condition     = output.upload_command == "aws s3 cp photo.jpg s3://image-pipeline-source-123456789012/"
    error_message = output.upload_command
  }
}

run "upload_command_follows_the_prefix" {
  command = plan

  variables {
    trigger_prefix = "photos/"
  }

  assert {
    condition     = endswith(output.upload_command, "/photos/")
    error_message = output.upload_command
  }
}

run "upload_command_gives_a_prefix_that_is_no_folder_the_name_of_the_file" {
  command = plan

  variables {
    trigger_prefix = "photos/2025-"
  }

  assert {
    condition     = endswith(output.upload_command, "/photos/2025-photo.jpg")
    error_message = output.upload_command
  }
}

run "upload_command_follows_the_first_suffix" {
  command = plan

  variables {
    trigger_suffixes = [".png", ".PNG"]
  }

  assert {
    condition     = output.upload_command == "aws s3 cp photo.png s3://image-pipeline-source-123456789012/"
    error_message = output.upload_command
  }
}

run "upload_command_is_quoted_for_the_shell" {
  command = plan

  variables {
    trigger_prefix   = "my cat's/"
    trigger_suffixes = ["(1).jpg"]
  }

  assert {
    condition     = output.upload_command == "aws s3 cp 'photo(1).jpg' 's3://image-pipeline-source-123456789012/my cat'\\''s/'"
    error_message = output.upload_command
  }
}
