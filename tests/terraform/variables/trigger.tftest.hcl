run "wildcard_in_the_prefix_is_refused" {
  command = plan

  variables {
    trigger_prefix = "photos/*"
  }

  expect_failures = [var.trigger_prefix]
}

run "wildcard_in_a_suffix_is_refused" {
  command = plan

  variables {
    trigger_suffixes = ["*.jpg"]
  }

  expect_failures = [var.trigger_suffixes]
}

run "empty_suffix_is_refused" {
  command = plan

  variables {
    trigger_suffixes = [""]
  }

  expect_failures = [var.trigger_suffixes]
}

run "null_as_a_suffix_is_refused" {
  command = plan

  variables {
    trigger_suffixes = [null]
  }

  expect_failures = [var.trigger_suffixes]
}

run "suffix_that_ends_in_another_is_refused" {
  command = plan

  variables {
    trigger_suffixes = [".jpg", "-large.jpg"]
  }

  expect_failures = [var.trigger_suffixes]
}

run "suffix_given_twice_is_refused" {
  command = plan

  variables {
    trigger_suffixes = [".jpg", ".jpg"]
  }

  expect_failures = [var.trigger_suffixes]
}

run "suffix_without_its_dot_is_refused" {
  command = plan

  variables {
    trigger_suffixes = ["jpg"]
  }

  expect_failures = [var.trigger_suffixes]
}

run "prefix_that_begins_with_a_slash_is_refused" {
  command = plan

  variables {
    trigger_prefix = "/photos"
  }

  expect_failures = [var.trigger_prefix]
}
