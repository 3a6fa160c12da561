mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "limits_reach_the_function" {
  command = plan

  variables {
    timeout_seconds      = 120
    memory_mb            = 3538
    reserved_concurrency = 5
    architecture         = "x86_64"
  }

  assert {
    condition     = [aws_lambda_function.processor.timeout, aws_lambda_function.processor.memory_size, aws_lambda_function.processor.reserved_concurrent_executions, one(aws_lambda_function.processor.architectures)] == [120, 3538, 5, "x86_64"]
    error_message = "The function takes its limits from the variables."
  }
}

run "retries_and_age_reach_lambda" {
  command = plan

  variables {
    retries               = 0
    max_event_age_seconds = 60
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.processor.maximum_retry_attempts == 0 && aws_lambda_function_event_invoke_config.processor.maximum_event_age_in_seconds == 60
    error_message = "Lambda's queue takes its limits from the variables."
  }
}

run "name_that_is_no_bucket_name_is_refused" {
  command = plan

  variables {
    name = "Pets"
  }

  expect_failures = [var.name]
}

run "picture_of_no_pixels_is_refused" {
  command = plan

  variables {
    max_megapixels = 0
  }

  expect_failures = [var.max_megapixels]
}

run "file_of_part_of_a_megabyte_is_refused" {
  command = plan

  variables {
    max_source_megabytes = 0.5
  }

  expect_failures = [var.max_source_megabytes]
}

run "file_larger_than_the_memory_is_refused" {
  command = plan

  variables {
    max_source_megabytes = 512
    memory_mb            = 512
  }

  expect_failures = [var.max_source_megabytes]
}

run "unknown_architecture_is_refused" {
  command = plan

  variables {
    architecture = "riscv64"
  }

  expect_failures = [var.architecture]
}

run "memory_beyond_lambda_is_refused" {
  command = plan

  variables {
    memory_mb = 10241
  }

  expect_failures = [var.memory_mb]
}

run "timeout_beyond_lambda_is_refused" {
  command = plan

  variables {
    timeout_seconds = 901
  }

  expect_failures = [var.timeout_seconds]
}

run "negative_concurrency_is_refused" {
  command = plan

  variables {
    reserved_concurrency = -1
  }

  expect_failures = [var.reserved_concurrency]
}

run "retries_beyond_lambda_are_refused" {
  command = plan

  variables {
    retries = 3
  }

  expect_failures = [var.retries]
}

run "event_age_below_a_minute_is_refused" {
  command = plan

  variables {
    max_event_age_seconds = 59
  }

  expect_failures = [var.max_event_age_seconds]
}

run "retention_that_cloudwatch_does_not_offer_is_refused" {
  command = plan

  variables {
    log_retention_days = 31
  }

  expect_failures = [var.log_retention_days]
}

run "log_level_that_drops_metrics_is_refused" {
  command = plan

  variables {
    log_level = "ERROR"
  }

  expect_failures = [var.log_level]
}
