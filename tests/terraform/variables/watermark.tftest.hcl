run "text_and_logo_together_are_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", logo = "tools/samples/astronaut.png" } }
}

run "neither_text_nor_logo_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { width_percent = 10 } }
}

run "blank_text_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "  " } }
}

run "text_of_two_lines_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme\n2025" } }
}

run "missing_logo_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { logo = "tests/terraform/mocks/none.png" } }
}

run "logo_of_another_file_type_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { logo = "variables.tf" } }
}

run "missing_font_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", font = "tests/terraform/mocks/none.ttf" } }
}

run "font_of_another_file_type_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", font = "variables.tf" } }
}

run "font_for_a_logo_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables {
    watermark = { logo = "tools/samples/astronaut.png", font = "tests/terraform/mocks/font.ttf" }
  }
}

run "unknown_watermark_position_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", position = "middle" } }
}

run "watermark_wider_than_the_picture_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", width_percent = 101 } }
}

run "negative_margin_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", margin_percent = -1 } }
}

run "invisible_watermark_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", opacity_percent = 0 } }
}

run "rotation_beyond_a_full_turn_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", rotation_degrees = 361 } }
}

run "invalid_watermark_color_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", color = "white" } }
}

run "unknown_contrast_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", contrast = "glow" } }
}

run "text_without_glyphs_in_the_bundled_font_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "漢字" } }
}

run "any_text_is_accepted_with_a_font" {
  command = plan

  variables { watermark = { text = "漢字", font = "tests/terraform/mocks/font.ttf" } }
}

run "watermark_width_of_0_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", width_percent = 0 } }
}

run "margin_above_50_percent_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", margin_percent = 51 } }
}

run "opacity_above_100_percent_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", opacity_percent = 101 } }
}
