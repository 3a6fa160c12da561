mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

run "upload_command_puts_a_photograph_into_the_source" {
  command = plan

  assert {
    condition     = output.upload_command == "aws s3 cp photo.jpg s3://image-pipeline-source-123456789012/"
    error_message = output.upload_command
  }
}

run "upload_command_follows_the_prefix" {
  command = plan

  variables { trigger_prefix = "photos/" }

  assert {
    condition     = endswith(output.upload_command, "/photos/")
    error_message = output.upload_command
  }
}

run "upload_command_adds_a_file_name_to_a_prefix_without_a_slash" {
  command = plan

  variables { trigger_prefix = "photos/2025-" }

  assert {
    condition     = endswith(output.upload_command, "/photos/2025-photo.jpg")
    error_message = output.upload_command
  }
}

run "upload_command_follows_the_first_suffix" {
  command = plan

  variables { trigger_suffixes = [".png", ".PNG"] }

  assert {
    condition     = output.upload_command == "aws s3 cp photo.png s3://image-pipeline-source-123456789012/"
    error_message = output.upload_command
  }
}

run "upload_command_is_quoted_for_the_shell" {
  command = plan

  variables {
    trigger_prefix   = "my cat's/"
    trigger_suffixes = ["(1).jpg"]
  }

  assert {
    condition     = output.upload_command == "aws s3 cp 'photo(1).jpg' 's3://image-pipeline-source-123456789012/my cat'\\''s/'"
    error_message = output.upload_command
  }
}
