run "no_variants_are_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = {} }
}

run "invalid_variant_name_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { "Thumb 1" = { width = 320 } } }
}

run "variant_without_width_and_height_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { quality = 70 } } }
}

run "fractional_width_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { width = 0.5 } } }
}

run "height_beyond_webp_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { height = 16384 } } }
}

run "unknown_fit_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { width = 320, fit = "crop" } } }
}

run "unknown_position_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { width = 320, position = "middle" } } }
}

run "entropy_without_cover_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { width = 320, position = "entropy" } } }
}

run "format_that_browsers_do_not_show_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { width = 320, format = "heic" } } }
}

run "quality_above_100_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { width = 320, quality = 101 } } }
}

run "unknown_chroma_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { width = 320, chroma = "4:2:2" } } }
}

run "lossless_jpeg_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { width = 320, format = "jpeg", lossless = true } } }
}

run "palette_of_a_jpeg_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { width = 320, format = "jpeg", palette = true } } }
}

run "max_bytes_of_0_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { width = 320, max_bytes = 0 } } }
}

run "template_without_a_directory_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables { key_template = "{stem}{extension}" }
}

run "template_without_a_stem_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables { key_template = "{directory}{extension}" }
}

run "template_without_an_extension_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables { key_template = "{directory}{stem}" }
}

run "template_without_the_variant_is_refused_for_several" {
  command         = plan
  expect_failures = [var.key_template]

  variables { variants = { thumb = { width = 320 }, large = { width = 1600 } } }
}

run "template_whose_variant_runs_into_the_stem_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables { key_template = "{directory}{stem}{variant}{extension}" }
}

run "template_whose_variant_runs_into_the_directory_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables { key_template = "{variant}{directory}{stem}{extension}" }
}

run "template_under_a_reserved_prefix_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables { key_template = ".pipeline/{directory}{stem}{extension}" }
}

run "unknown_token_in_the_template_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables { key_template = "{directory}{stem}{date}{extension}" }
}

run "stray_brace_in_the_template_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables { key_template = "{directory}{stem}}{extension}" }
}

run "unsafe_character_in_the_template_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables {
    key_template = "{directory}{stem}#{extension}"
  }
}

run "invalid_background_is_refused" {
  command         = plan
  expect_failures = [var.background]

  variables { background = "white" }
}

run "cache_control_of_two_lines_is_refused" {
  command         = plan
  expect_failures = [var.cache_control]

  variables { cache_control = "public\nprivate" }
}

run "cache_control_of_a_number_is_refused" {
  command         = plan
  expect_failures = [var.cache_control]

  variables { cache_control = 3600 }
}

run "height_alone_is_accepted" {
  command = plan

  variables { variants = { thumb = { height = 320 } } }
}

run "fractional_height_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { thumb = { height = 1.5 } } }
}

run "width_with_widths_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { width = 320, widths = [640] } } }
}

run "no_widths_are_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { widths = [] } } }
}

run "duplicate_width_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { widths = [320, 320] } } }
}

run "widths_beyond_webp_are_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { widths = [320, 16384] } } }
}

run "widths_that_stretch_are_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { widths = [320, 640], fit = "fill" } } }
}

run "cropped_widths_without_an_aspect_ratio_are_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { widths = [320, 640], fit = "cover" } } }
}

run "aspect_ratio_without_cover_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { width = 320, aspect_ratio = "16:9" } } }
}

run "invalid_aspect_ratio_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { width = 320, aspect_ratio = "1.5", fit = "cover" } } }
}

run "format_with_formats_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { width = 320, format = "webp", formats = ["jpeg"] } } }
}

run "kept_format_among_formats_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { width = 320, formats = ["webp", "keep"] } } }
}

run "duplicate_format_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { width = 320, formats = ["webp", "webp"] } } }
}

run "lossless_without_webp_among_the_formats_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { width = 320, lossless = true, formats = ["avif", "jpeg"] } } }
}

run "empty_prefix_is_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { width = 320, prefixes = [""] } } }
}

run "template_without_the_width_is_refused_for_several" {
  command         = plan
  expect_failures = [var.key_template]

  variables { variants = { hero = { widths = [320, 640] } } }
}

run "template_whose_width_runs_into_the_stem_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables {
    variants     = { hero = { widths = [320, 640] } }
    key_template = "{directory}{stem}{width}{extension}"
  }
}

run "template_with_a_width_that_a_variant_does_not_have_is_refused" {
  command         = plan
  expect_failures = [var.key_template]

  variables {
    variants     = { hero = { height = 320 } }
    key_template = "{directory}{stem}-{width}{extension}"
  }
}

run "widths_that_are_null_are_refused" {
  command         = plan
  expect_failures = [var.variants]

  variables { variants = { hero = { widths = [null, 320] } } }
}
