mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "one_variant_of_1600_by_1600_is_the_default" {
  command = plan

  assert {
    condition = jsondecode(aws_lambda_function.processor.environment[0].variables["VARIANTS"]) == {
      large = {
        width  = 1600, height = 1600, fit = "inside", position = "center", enlarge = false, sharpen = false, format = "keep",
        chroma = "4:2:0", lossless = false, palette = false, watermark = true
      }
    }
    error_message = aws_lambda_function.processor.environment[0].variables["VARIANTS"]
  }
}

run "what_a_variant_sets_reaches_the_function" {
  command = plan

  variables {
    variants = {
      thumb = {
        width  = 320, fit = "cover", position = "entropy", enlarge = true, sharpen = true, format = "webp", quality = 70,
        chroma = "4:4:4", lossless = true, max_bytes = 20000, watermark = false
      }
    }
  }

  assert {
    condition = jsondecode(aws_lambda_function.processor.environment[0].variables["VARIANTS"]) == {
      thumb = {
        width  = 320, fit = "cover", position = "entropy", enlarge = true, sharpen = true, format = "webp", quality = 70,
        chroma = "4:4:4", lossless = true, palette = false, max_bytes = 20000, watermark = false
      }
    }
    error_message = aws_lambda_function.processor.environment[0].variables["VARIANTS"]
  }
}

run "several_variants_get_keys_of_their_own" {
  command = plan

  variables {
    variants     = { thumb = { width = 320 }, large = { width = 1600 } }
    key_template = "{directory}{stem}-{variant}{extension}"
  }

  assert {
    condition     = keys(jsondecode(aws_lambda_function.processor.environment[0].variables["VARIANTS"])) == ["large", "thumb"] && aws_lambda_function.processor.environment[0].variables["KEY_TEMPLATE"] == "{directory}{stem}-{variant}{extension}"
    error_message = jsonencode(aws_lambda_function.processor.environment[0].variables)
  }
}

run "no_variants_are_refused" {
  command = plan

  variables {
    variants = {}
  }

  expect_failures = [var.variants]
}

run "variant_name_that_is_no_word_is_refused" {
  command = plan

  variables {
    variants = { "Thumb 1" = { width = 320 } }
  }

  expect_failures = [var.variants]
}

run "variant_without_width_and_height_is_refused" {
  command = plan

  variables {
    variants = { thumb = { quality = 70 } }
  }

  expect_failures = [var.variants]
}

run "width_of_part_of_a_pixel_is_refused" {
  command = plan

  variables {
    variants = { thumb = { width = 0.5 } }
  }

  expect_failures = [var.variants]
}

run "height_beyond_webp_is_refused" {
  command = plan

  variables {
    variants = { thumb = { height = 16384 } }
  }

  expect_failures = [var.variants]
}

run "unknown_fit_is_refused" {
  command = plan

  variables {
    variants = { thumb = { width = 320, fit = "crop" } }
  }

  expect_failures = [var.variants]
}

run "unknown_position_is_refused" {
  command = plan

  variables {
    variants = { thumb = { width = 320, position = "middle" } }
  }

  expect_failures = [var.variants]
}

run "entropy_without_cover_is_refused" {
  command = plan

  variables {
    variants = { thumb = { width = 320, position = "entropy" } }
  }

  expect_failures = [var.variants]
}

run "format_that_browsers_do_not_show_is_refused" {
  command = plan

  variables {
    variants = { thumb = { width = 320, format = "heic" } }
  }

  expect_failures = [var.variants]
}

run "quality_above_100_is_refused" {
  command = plan

  variables {
    variants = { thumb = { width = 320, quality = 101 } }
  }

  expect_failures = [var.variants]
}

run "unknown_chroma_is_refused" {
  command = plan

  variables {
    variants = { thumb = { width = 320, chroma = "4:2:2" } }
  }

  expect_failures = [var.variants]
}

run "lossless_jpeg_is_refused" {
  command = plan

  variables {
    variants = { thumb = { width = 320, format = "jpeg", lossless = true } }
  }

  expect_failures = [var.variants]
}

run "palette_of_a_jpeg_is_refused" {
  command = plan

  variables {
    variants = { thumb = { width = 320, format = "jpeg", palette = true } }
  }

  expect_failures = [var.variants]
}

run "image_of_no_bytes_is_refused" {
  command = plan

  variables {
    variants = { thumb = { width = 320, max_bytes = 0 } }
  }

  expect_failures = [var.variants]
}

run "more_settings_than_lambda_holds_are_refused" {
  command = plan

  variables {
    variants     = { for number in range(40) : "variant-${number}" => { width = 100 + number } }
    key_template = "{directory}{stem}-{variant}{extension}"
  }

  expect_failures = [aws_lambda_function.processor]
}

run "template_without_a_directory_is_refused" {
  command = plan

  variables {
    key_template = "{stem}{extension}"
  }

  expect_failures = [var.key_template]
}

run "template_without_a_stem_is_refused" {
  command = plan

  variables {
    key_template = "{directory}{extension}"
  }

  expect_failures = [var.key_template]
}

run "template_without_an_extension_is_refused" {
  command = plan

  variables {
    key_template = "{directory}{stem}"
  }

  expect_failures = [var.key_template]
}

run "template_without_the_variant_is_refused_for_several" {
  command = plan

  variables {
    variants = { thumb = { width = 320 }, large = { width = 1600 } }
  }

  expect_failures = [var.key_template]
}

run "template_whose_variant_runs_into_the_stem_is_refused" {
  command = plan

  variables {
    key_template = "{directory}{stem}{variant}{extension}"
  }

  expect_failures = [var.key_template]
}

run "template_whose_variant_runs_into_the_directory_is_refused" {
  command = plan

  variables {
    key_template = "{variant}{directory}{stem}{extension}"
  }

  expect_failures = [var.key_template]
}

run "template_in_the_place_of_the_functions_records_is_refused" {
  command = plan

  variables {
    key_template = ".pipeline/{directory}{stem}{extension}"
  }

  expect_failures = [var.key_template]
}

run "unknown_token_in_the_template_is_refused" {
  command = plan

  variables {
    key_template = "{directory}{stem}{date}{extension}"
  }

  expect_failures = [var.key_template]
}

run "stray_brace_in_the_template_is_refused" {
  command = plan

  variables {
    key_template = "{directory}{stem}}{extension}"
  }

  expect_failures = [var.key_template]
}

run "unsafe_character_in_the_template_is_refused" {
  command = plan

  variables {
    key_template = "{directory}{stem}#{extension}"
  }

  expect_failures = [var.key_template]
}

run "background_that_is_no_colour_is_refused" {
  command = plan

  variables {
    background = "white"
  }

  expect_failures = [var.background]
}

run "cache_control_of_two_lines_is_refused" {
  command = plan

  variables {
    cache_control = "public\nprivate"
  }

  expect_failures = [var.cache_control]
}
