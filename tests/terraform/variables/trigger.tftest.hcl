run "wildcard_in_the_prefix_is_refused" {
  command         = plan
  expect_failures = [var.trigger_prefix]

  variables { trigger_prefix = "photos/*" }
}

run "wildcard_in_a_suffix_is_refused" {
  command         = plan
  expect_failures = [var.trigger_suffixes]

  variables { trigger_suffixes = ["*.jpg"] }
}

run "empty_suffix_is_refused" {
  command         = plan
  expect_failures = [var.trigger_suffixes]

  variables { trigger_suffixes = [""] }
}

run "null_as_a_suffix_is_refused" {
  command         = plan
  expect_failures = [var.trigger_suffixes]

  variables { trigger_suffixes = [null] }
}

run "suffix_that_ends_in_another_is_refused" {
  command         = plan
  expect_failures = [var.trigger_suffixes]

  variables { trigger_suffixes = [".jpg", "-large.jpg"] }
}

run "duplicate_suffix_is_refused" {
  command         = plan
  expect_failures = [var.trigger_suffixes]

  variables { trigger_suffixes = [".jpg", ".jpg"] }
}

run "suffix_without_its_dot_is_refused" {
  command         = plan
  expect_failures = [var.trigger_suffixes]

  variables { trigger_suffixes = ["jpg"] }
}

run "prefix_that_begins_with_a_slash_is_refused" {
  command         = plan
  expect_failures = [var.trigger_prefix]

  variables { trigger_prefix = "/photos" }
}
