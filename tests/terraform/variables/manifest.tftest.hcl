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

run "cache_control_with_a_manifest_is_accepted" {
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

run "manifest_under_a_reserved_prefix_is_refused" {
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

run "manifest_age_of_0_is_accepted" {
  command = plan

  variables { manifest = { max_age_seconds = 0 } }
}

run "negative_manifest_age_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { max_age_seconds = -1 } }
}

run "manifest_age_beyond_a_year_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { max_age_seconds = 31536001 } }
}

run "grace_of_0_days_is_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { grace_days = 0 } }
}

run "fractional_grace_days_are_refused" {
  command         = plan
  expect_failures = [var.manifest]

  variables { manifest = { grace_days = 1.5 } }
}

run "manifest_age_beyond_the_grace_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables {
    key_template = "{directory}{stem}-{version}{extension}"
    manifest     = { max_age_seconds = 86401, grace_days = 1 }
  }
}
