mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "text_reaches_the_function_with_the_defaults" {
  command = plan

  variables {
    watermark = { text = "© Acme" }
  }

  assert {
    condition = jsondecode(aws_lambda_function.processor.environment[0].variables["WATERMARK"]) == {
      text  = "© Acme", position = "bottom-right", width_percent = 20, margin_percent = 2, opacity_percent = 60, rotation_degrees = 0,
      color = "#ffffff", contrast = "outline"
    }
    error_message = aws_lambda_function.processor.environment[0].variables["WATERMARK"]
  }
}

run "logo_travels_in_the_package" {
  command = plan

  variables {
    watermark = { logo = "tools/samples/astronaut.png" }
  }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables["WATERMARK"]).logo == "watermark/logo.png" && !can(jsondecode(aws_lambda_function.processor.environment[0].variables["WATERMARK"]).text)
    error_message = aws_lambda_function.processor.environment[0].variables["WATERMARK"]
  }
}

run "font_travels_in_the_package" {
  command = plan

  variables {
    watermark = { text = "Acme", font = "tests/mocks/font.ttf" }
  }

  assert {
    condition     = jsondecode(aws_lambda_function.processor.environment[0].variables["WATERMARK"]).font == "watermark/font.ttf"
    error_message = aws_lambda_function.processor.environment[0].variables["WATERMARK"]
  }
}

run "text_and_logo_together_are_refused" {
  command = plan

  variables {
    watermark = { text = "Acme", logo = "tools/samples/astronaut.png" }
  }

  expect_failures = [var.watermark]
}

run "neither_text_nor_logo_is_refused" {
  command = plan

  variables {
    watermark = { width_percent = 10 }
  }

  expect_failures = [var.watermark]
}

run "blank_text_is_refused" {
  command = plan

  variables {
    watermark = { text = "  " }
  }

  expect_failures = [var.watermark]
}

run "text_of_two_lines_is_refused" {
  command = plan

  variables {
    watermark = { text = "Acme\n2025" }
  }

  expect_failures = [var.watermark]
}

run "missing_logo_is_refused" {
  command = plan

  variables {
    watermark = { logo = "tests/mocks/none.png" }
  }

  expect_failures = [var.watermark]
}

run "logo_that_is_no_picture_is_refused" {
  command = plan

  variables {
    watermark = { logo = "main.tf" }
  }

  expect_failures = [var.watermark]
}

run "missing_font_is_refused" {
  command = plan

  variables {
    watermark = { text = "Acme", font = "tests/mocks/none.ttf" }
  }

  expect_failures = [var.watermark]
}

run "font_that_is_no_font_is_refused" {
  command = plan

  variables {
    watermark = { text = "Acme", font = "main.tf" }
  }

  expect_failures = [var.watermark]
}

run "font_for_a_logo_is_refused" {
  command = plan

  variables {
    watermark = { logo = "tools/samples/astronaut.png", font = "tests/mocks/font.ttf" }
  }

  expect_failures = [var.watermark]
}

run "unknown_watermark_position_is_refused" {
  command = plan

  variables {
    watermark = { text = "Acme", position = "middle" }
  }

  expect_failures = [var.watermark]
}

run "watermark_wider_than_the_picture_is_refused" {
  command = plan

  variables {
    watermark = { text = "Acme", width_percent = 101 }
  }

  expect_failures = [var.watermark]
}

run "negative_margin_is_refused" {
  command = plan

  variables {
    watermark = { text = "Acme", margin_percent = -1 }
  }

  expect_failures = [var.watermark]
}

run "invisible_watermark_is_refused" {
  command = plan

  variables {
    watermark = { text = "Acme", opacity_percent = 0 }
  }

  expect_failures = [var.watermark]
}

run "rotation_beyond_a_full_turn_is_refused" {
  command = plan

  variables {
    watermark = { text = "Acme", rotation_degrees = 361 }
  }

  expect_failures = [var.watermark]
}

run "color_that_is_no_colour_is_refused" {
  command = plan

  variables {
    watermark = { text = "Acme", color = "white" }
  }

  expect_failures = [var.watermark]
}

run "unknown_contrast_is_refused" {
  command = plan

  variables {
    watermark = { text = "Acme", contrast = "glow" }
  }

  expect_failures = [var.watermark]
}
