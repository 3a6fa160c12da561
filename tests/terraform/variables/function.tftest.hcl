run "invalid_name_is_refused" {
  command         = plan
  expect_failures = [var.name]

  variables { name = "Pets" }
}

run "unknown_format_is_refused" {
  command         = plan
  expect_failures = [var.formats]

  variables { formats = ["jpeg", "jpg"] }
}

run "no_format_is_refused" {
  command         = plan
  expect_failures = [var.formats]

  variables { formats = [] }
}

run "limit_of_0_megapixels_is_refused" {
  command         = plan
  expect_failures = [var.max_megapixels]

  variables { max_megapixels = 0 }
}

run "limit_of_half_a_megabyte_is_refused" {
  command         = plan
  expect_failures = [var.max_source_megabytes]

  variables { max_source_megabytes = 0.5 }
}

run "file_limit_beyond_the_memory_is_refused" {
  command         = plan
  expect_failures = [var.max_source_megabytes]

  variables {
    max_source_megabytes = 512
    memory_mb            = 512
  }
}

run "log_level_that_drops_metrics_is_refused" {
  command         = plan
  expect_failures = [var.log_level]

  variables { log_level = "ERROR" }
}

run "unknown_exif_fact_is_refused" {
  command         = plan
  expect_failures = [var.exif_facts]

  variables { exif_facts = ["date", "owner"] }
}

run "missing_package_is_refused" {
  command         = plan
  expect_failures = [var.package_path]

  variables { package_path = "build/none.zip" }
}

run "empty_path_of_a_package_is_refused" {
  command         = plan
  expect_failures = [var.package_path]

  variables { package_path = "" }
}

run "folder_as_a_package_is_refused" {
  command         = plan
  expect_failures = [var.package_path]

  variables { package_path = "lambda" }
}

run "reserved_tag_is_refused" {
  command         = plan
  expect_failures = [var.tags]

  variables { tags = { "AWS:team" = "pets" } }
}

run "fractional_megapixels_are_refused" {
  command         = plan
  expect_failures = [var.max_megapixels]

  variables { max_megapixels = 1.5 }
}

run "fractional_megabytes_are_refused" {
  command         = plan
  expect_failures = [var.max_source_megabytes]

  variables { max_source_megabytes = 1.5 }
}

run "limit_of_0_megabytes_is_refused" {
  command         = plan
  expect_failures = [var.max_source_megabytes]

  variables { max_source_megabytes = 0 }
}
