run "name_that_is_no_bucket_name_is_refused" {
  command = plan

  variables {
    name = "Pets"
  }

  expect_failures = [var.name]
}

run "unknown_format_is_refused" {
  command = plan

  variables {
    formats = ["jpeg", "jpg"]
  }

  expect_failures = [var.formats]
}

run "no_format_is_refused" {
  command = plan

  variables {
    formats = []
  }

  expect_failures = [var.formats]
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

run "log_level_that_drops_metrics_is_refused" {
  command = plan

  variables {
    log_level = "ERROR"
  }

  expect_failures = [var.log_level]
}

run "unknown_exif_fact_is_refused" {
  command = plan

  variables {
    exif_facts = ["date", "owner"]
  }

  expect_failures = [var.exif_facts]
}

run "missing_package_is_refused" {
  command = plan

  variables {
    package_path = "build/none.zip"
  }

  expect_failures = [var.package_path]
}

run "empty_path_of_a_package_is_refused" {
  command = plan

  variables {
    package_path = ""
  }

  expect_failures = [var.package_path]
}

run "folder_as_a_package_is_refused" {
  command = plan

  variables {
    package_path = "lambda"
  }

  expect_failures = [var.package_path]
}

run "reserved_tag_is_refused" {
  command = plan

  variables {
    tags = { "AWS:team" = "pets" }
  }

  expect_failures = [var.tags]
}

run "part_of_a_megapixel_is_refused" {
  command = plan

  variables {
    max_megapixels = 1.5
  }

  expect_failures = [var.max_megapixels]
}

run "file_of_more_and_part_of_a_megabyte_is_refused" {
  command = plan

  variables {
    max_source_megabytes = 1.5
  }

  expect_failures = [var.max_source_megabytes]
}

run "file_of_no_bytes_is_refused" {
  command = plan

  variables {
    max_source_megabytes = 0
  }

  expect_failures = [var.max_source_megabytes]
}
