# Applied with a mocked provider: the code that the function runs is unknown while planning.

mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

run "given_package_is_uploaded_when_it_changes_and_not_built" {
  variables {
    package_path = "tests/terraform/mocks/font.ttf" # any file
  }

  assert {
    condition     = length(terraform_data.package) == 0 && aws_lambda_function.processor.filename == "tests/terraform/mocks/font.ttf"
    error_message = "package_path is taken as it is."
  }

  assert {
    condition     = terraform_data.upload.triggers_replace[0] == filebase64sha256("tests/terraform/mocks/font.ttf") && aws_lambda_function.processor.source_code_hash == terraform_data.upload.id
    error_message = "The hash is that of the file."
  }
}

run "function_that_runs_other_code_fails_the_check" {
  variables {
    package_path = "main.tf" # any other file
  }

  expect_failures = [check.code]
}
