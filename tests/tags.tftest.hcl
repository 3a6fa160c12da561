mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "reserved_tag_is_refused" {
  command = plan

  variables {
    tags = { "AWS:team" = "pets" }
  }

  expect_failures = [var.tags]
}
