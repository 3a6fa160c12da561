run "version_in_the_key_is_accepted_with_a_manifest" {
  command = plan

  variables {
    key_template = "{directory}{stem}-{version}{extension}"
    manifest     = {}
  }
}

run "version_in_the_key_needs_a_manifest" {
  command = plan

  variables {
    key_template = "{directory}{stem}-{version}{extension}"
  }

  expect_failures = [var.key_template]
}

run "cache_control_of_immutable_images_is_refused" {
  command = plan

  variables {
    key_template  = "{directory}{stem}-{version}{extension}"
    cache_control = "max-age=60"
    manifest      = {}
  }

  expect_failures = [var.cache_control]
}

run "cache_control_beside_a_manifest_is_accepted" {
  command = plan

  variables {
    cache_control = "max-age=60"
    manifest      = {}
  }
}

run "manifest_without_the_directory_is_refused" {
  command = plan

  variables {
    manifest = { key_template = "{stem}.json" }
  }

  expect_failures = [var.manifest]
}

run "manifest_without_the_stem_is_refused" {
  command = plan

  variables {
    manifest = { key_template = "{directory}index.json" }
  }

  expect_failures = [var.manifest]
}

run "manifest_with_the_extension_is_accepted" {
  command = plan

  variables {
    manifest = { key_template = "manifests/{directory}{stem}{extension}.json" }
  }
}

run "manifest_under_the_key_of_the_images_is_refused" {
  command = plan

  variables {
    manifest = { key_template = "{directory}{stem}{extension}" }
  }

  expect_failures = [var.key_template]
}

run "manifest_in_the_place_of_the_functions_records_is_refused" {
  command = plan

  variables {
    manifest = { key_template = ".pipeline/{directory}{stem}.json" }
  }

  expect_failures = [var.manifest]
}

run "manifest_per_variant_is_refused" {
  command = plan

  variables {
    manifest = { key_template = "{directory}{stem}-{variant}.json" }
  }

  expect_failures = [var.manifest]
}

run "manifest_per_version_is_refused" {
  command = plan

  variables {
    manifest = { key_template = "{directory}{stem}-{version}.json" }
  }

  expect_failures = [var.manifest]
}

run "unsafe_character_in_the_key_of_a_manifest_is_refused" {
  command = plan

  variables {
    manifest = { key_template = "{directory}{stem}?.json" }
  }

  expect_failures = [var.manifest]
}

run "manifest_that_no_cache_keeps_is_accepted" {
  command = plan

  variables {
    manifest = { max_age_seconds = 0 }
  }
}

run "age_below_zero_is_refused" {
  command = plan

  variables {
    manifest = { max_age_seconds = -1 }
  }

  expect_failures = [var.manifest]
}

run "age_of_more_than_a_year_is_refused" {
  command = plan

  variables {
    manifest = { max_age_seconds = 31536001 }
  }

  expect_failures = [var.manifest]
}

run "grace_of_no_day_is_refused" {
  command = plan

  variables {
    manifest = { grace_days = 0 }
  }

  expect_failures = [var.manifest]
}

run "grace_of_part_of_a_day_is_refused" {
  command = plan

  variables {
    manifest = { grace_days = 1.5 }
  }

  expect_failures = [var.manifest]
}

run "manifest_that_caches_keep_longer_than_its_images_is_refused" {
  command = plan

  variables {
    key_template = "{directory}{stem}-{version}{extension}"
    manifest     = { max_age_seconds = 86401, grace_days = 1 }
  }

  expect_failures = [var.key_template]
}
