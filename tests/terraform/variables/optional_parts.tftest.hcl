run "batch_of_nothing_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { batch_size = 0 } }
}

run "batch_that_no_payload_holds_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { batch_size = 101 } }
}

run "concurrency_without_a_limit_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { max_concurrency = 0 } }
}

run "concurrency_that_leaves_none_to_live_uploads_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables {
    backfill             = { max_concurrency = 5 }
    reserved_concurrency = 5
  }
}

run "more_failures_than_there_are_objects_is_refused" {
  command         = plan
  expect_failures = [var.backfill]

  variables { backfill = { tolerated_failure_percentage = 101 } }
}

run "end_that_never_comes_is_refused" {
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

run "tokens_are_for_somebody" {
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

run "limit_cannot_be_taken_away" {
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

run "type_that_there_is_not_is_refused" {
  command         = plan
  expect_failures = [var.workflow]

  variables { workflow = { type = "fast" } }
}

run "review_by_its_name_is_refused" {
  command         = plan
  expect_failures = [var.workflow]

  variables { workflow = { review = { function_arn = "moderation" } } }
}

run "review_of_no_time_is_refused" {
  command         = plan
  expect_failures = [var.workflow]

  variables {
    workflow = { review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation", timeout_seconds = 0 } }
  }
}

run "review_longer_than_express_may_take_is_refused" {
  command         = plan
  expect_failures = [var.workflow]

  variables {
    workflow = { review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation", timeout_seconds = 31 } }
  }
}

run "way_around_the_review_is_refused" {
  command         = plan
  expect_failures = [var.workflow]

  variables {
    workflow = { direct_trigger = true, review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:moderation" } }
  }
}

run "records_of_no_days_are_refused" {
  command         = plan
  expect_failures = [var.metadata]

  variables { metadata = { expiration_days = 0 } }
}

run "records_of_a_day_and_a_half_are_refused" {
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

run "address_that_is_none_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { emails = ["ops"] } }
}

run "topic_that_is_no_arn_is_refused" {
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

run "alarm_that_does_not_exist_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { alarms = { errors = { enabled = false } } } }
}

run "alarm_of_a_part_that_is_off_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { alarms = { workflow_failing = { enabled = false } } } }
}

run "budget_that_nobody_is_told_of_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { monthly_budget = 25 } }
}

run "budget_of_nothing_is_refused" {
  command         = plan
  expect_failures = [var.monitoring]

  variables { monitoring = { emails = ["ops@example.com"], monthly_budget = 0 } }
}

run "budget_for_a_tag_that_is_not_there_is_refused" {
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
