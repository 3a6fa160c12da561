run "version_in_the_key_is_accepted_with_a_manifest" {
  command = plan

  variables {
    key_template = "{directory}{stem}-{version}{extension}"
    manifest     = {}
  }
}

run "version_in_the_key_needs_a_manifest" {
  command         = plan
  expect_failures = [var.key_template]

  variables { key_template = "{directory}{stem}-{version}{extension}" }
}

run "cache_control_of_immutable_images_is_refused" {
  command         = plan
  expect_failures = [var.cache_control]

  variables {
    key_template  = "{directory}{stem}-{version}{extension}"
    cache_control = "max-age=60"
    manifest      = {}
  }
}

run "cache_control_beside_a_manifest_is_accepted" {
  command = plan

  variables {
    cache_control = "max-age=60"
    manifest      = {}
  }
}

run "manifest_without_the_directory_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { key_template = "{stem}.json" } }
}

run "manifest_without_the_stem_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { key_template = "{directory}index.json" } }
}

run "manifest_with_the_extension_is_accepted" {
  command = plan

  variables { manifest = { key_template = "manifests/{directory}{stem}{extension}.json" } }
}

run "manifest_under_the_key_of_the_images_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables { manifest = { key_template = "{directory}{stem}{extension}" } }
}

run "manifest_in_the_place_of_the_functions_records_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { key_template = ".pipeline/{directory}{stem}.json" } }
}

run "manifest_per_variant_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { key_template = "{directory}{stem}-{variant}.json" } }
}

run "manifest_per_version_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { key_template = "{directory}{stem}-{version}.json" } }
}

run "unsafe_character_in_the_key_of_a_manifest_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { key_template = "{directory}{stem}?.json" } }
}

run "manifest_that_no_cache_keeps_is_accepted" {
  command = plan

  variables { manifest = { max_age_seconds = 0 } }
}

run "age_below_zero_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { max_age_seconds = -1 } }
}

run "age_of_more_than_a_year_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { max_age_seconds = 31536001 } }
}

run "grace_of_no_day_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { grace_days = 0 } }
}

run "grace_of_part_of_a_day_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { grace_days = 1.5 } }
}

run "manifest_that_caches_keep_longer_than_its_images_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables {
    key_template = "{directory}{stem}-{version}{extension}"
    manifest     = { max_age_seconds = 86401, grace_days = 1 }
  }
}
