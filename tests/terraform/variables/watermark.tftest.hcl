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

run "logo_that_is_no_picture_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { logo = "variables.tf" } }
}

run "missing_font_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", font = "tests/terraform/mocks/none.ttf" } }
}

run "font_that_is_no_font_is_refused" {
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

run "color_that_is_no_colour_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", color = "white" } }
}

run "unknown_contrast_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", contrast = "glow" } }
}

run "text_that_the_bundled_font_cannot_write_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "漢字" } }
}

run "text_that_a_given_font_may_write_is_accepted" {
  command = plan

  variables { watermark = { text = "漢字", font = "tests/terraform/mocks/font.ttf" } }
}

run "watermark_of_no_width_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", width_percent = 0 } }
}

run "margin_of_more_than_half_the_image_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", margin_percent = 51 } }
}

run "watermark_more_than_opaque_is_refused" {
  command         = plan
  expect_failures = [var.watermark]

  variables { watermark = { text = "Acme", opacity_percent = 101 } }
}
