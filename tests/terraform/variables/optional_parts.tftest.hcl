run "batch_size_of_0_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { batch_size = 0 } }
}

run "batch_size_above_100_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { batch_size = 101 } }
}

run "concurrency_without_a_limit_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { max_concurrency = 0 } }
}

run "backfill_concurrency_equal_to_the_reserved_one_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables {
    backfill             = { max_concurrency = 5 }
    reserved_concurrency = 5
  }
}

run "tolerated_failures_above_100_percent_are_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { tolerated_failure_percentage = 101 } }
}

run "timeout_beyond_a_year_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { timeout_hours = 9000 } }
}

run "inventory_by_its_key_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables {
    backfill = { inventory_bucket = { arn = "arn:aws:s3:::acme-inventory/manifest.json" } }
  }
}

run "key_must_be_an_arn" {
  command         = plan
  expect_failures = [var.metadata]

  variables { metadata = { kms_key = { arn = "alias/photos" } } }
}

run "records_are_kept_for_whole_days" {
  command         = plan
  expect_failures = [var.metadata]

  variables { metadata = { expiration_days = 0.5 } }
}

run "public_and_tokens_exclude_each_other" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { public = true, jwt = { issuer = "https://id.example.com", audience = ["photos"] } }
  }
}

run "issuer_is_reached_by_https" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { jwt = { issuer = "http://id.example.com", audience = ["photos"] } }
  }
}

run "tokens_need_an_audience" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { jwt = { issuer = "https://id.example.com", audience = [] } }
  }
}

run "every_origin_is_named" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { allowed_origins = ["*"] }
  }
}

run "throttling_cannot_be_turned_off" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { public = true, requests_per_second = 0 }
  }
}

run "forms_do_not_outlive_their_credentials" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { form_minutes = 1000 }
  }
}

run "uploads_must_trigger_the_function" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata       = {}
    upload_api     = {}
    trigger_prefix = "incoming/"
  }
}

run "uploads_of_every_kind_must_trigger_the_function" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata         = {}
    upload_api       = {}
    trigger_suffixes = [".jpg"]
  }
}

run "upload_api_without_records_is_refused" {
  command         = plan
  expect_failures = [var.upload_api]

  variables { upload_api = {} }
}

run "upload_api_with_records_that_expire_is_refused" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = { expiration_days = 30 }
    upload_api = {}
  }
}

run "function_that_could_outlast_an_express_workflow_is_refused" {
  command         = plan
  expect_failures = [var.workflow]

  variables {
    workflow        = {}
    timeout_seconds = 241
  }
}

run "unknown_workflow_type_is_refused" {
  command         = plan
  expect_failures = [var.workflow]

  variables { workflow = { type = "fast" } }
}

run "review_function_name_instead_of_its_arn_is_refused" {
  command         = plan
  expect_failures = [var.workflow]

  variables { workflow = { review = { function_arn = "moderation" } } }
}

run "review_timeout_of_0_is_refused" {
  command         = plan
  expect_failures = [var.workflow]

  variables {
    workflow = { review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation", timeout_seconds = 0 } }
  }
}

run "review_timeout_beyond_express_is_refused" {
  command         = plan
  expect_failures = [var.workflow]

  variables {
    workflow = { review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation", timeout_seconds = 31 } }
  }
}

run "direct_trigger_with_a_review_is_refused" {
  command         = plan
  expect_failures = [var.workflow]

  variables {
    workflow = { direct_trigger = true, review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation" } }
  }
}

run "record_expiration_of_0_days_is_refused" {
  command         = plan
  expect_failures = [var.metadata]

  variables { metadata = { expiration_days = 0 } }
}

run "fractional_record_expiration_is_refused" {
  command         = plan
  expect_failures = [var.metadata]

  variables { metadata = { expiration_days = 1.5 } }
}

run "requests_per_second_of_10001_is_refused" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { requests_per_second = 10001 }
  }
}

run "burst_of_0_is_refused" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { burst = 0 }
  }
}

run "burst_of_5001_is_refused" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { burst = 5001 }
  }
}

run "form_minutes_of_0_is_refused" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { form_minutes = 0 }
  }
}

run "link_minutes_of_0_is_refused" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { link_minutes = 0 }
  }
}

run "link_minutes_of_361_is_refused" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = { link_minutes = 361 }
  }
}

run "standard_workflow_waits_longer_for_the_function" {
  command = plan

  variables {
    workflow        = { type = "standard" }
    timeout_seconds = 900
  }
}

run "direct_trigger_without_a_review_is_accepted" {
  command = plan

  variables { workflow = { direct_trigger = true } }
}

run "tolerated_failure_percentage_of_minus_1_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { tolerated_failure_percentage = -1 } }
}

run "timeout_hours_of_0_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { timeout_hours = 0 } }
}

run "timeout_hours_of_1_5_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { timeout_hours = 1.5 } }
}

run "concurrency_may_be_reserved_without_a_backfill" {
  command = plan

  variables { reserved_concurrency = 5 }
}

run "invalid_email_address_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { emails = ["ops"] } }
}

run "invalid_topic_arn_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { topic_arns = ["pager"] } }
}

run "more_topics_than_an_alarm_has_actions_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables {
    monitoring = { emails = ["ops@example.com"], topic_arns = [for name in ["a", "b", "c", "d", "e"] : "arn:aws:sns:eu-central-1:123456789012:${name}"] }
  }
}

run "invocations_below_one_are_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { max_invocations_per_hour = 0 } }
}

run "unknown_alarm_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { alarms = { errors = { enabled = false } } } }
}

run "alarm_of_a_part_that_is_off_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { alarms = { workflow_failing = { enabled = false } } } }
}

run "budget_without_recipients_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { monthly_budget = 25 } }
}

run "budget_of_0_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { emails = ["ops@example.com"], monthly_budget = 0 } }
}

run "budget_for_a_missing_tag_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables {
    monitoring = { emails = ["ops@example.com"], monthly_budget = 25, budget_tag = "team" }
  }
}

run "monitoring_as_in_the_docs_is_accepted" {
  command = plan

  variables {
    workflow = {}
    tags     = { team = "photos" }
    monitoring = {
      emails         = ["ops@example.com"]
      topic_arns     = ["arn:aws:sns:eu-central-1:123456789012:pager"]
      alarms         = { workflow_failing = { enabled = false }, many_rejected = { threshold = 50 } }
      monthly_budget = 25
      budget_tag     = "team"
    }
  }
}

run "upload_api_without_a_variant_for_its_uploads_is_refused" {
  command         = plan
  expect_failures = [var.upload_api]

  variables {
    metadata   = {}
    upload_api = {}
    variants   = { face = { width = 64, prefixes = ["avatars/"] } }
  }
}
