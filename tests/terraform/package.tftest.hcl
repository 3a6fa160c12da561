mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

run "package_is_built_and_named_for_its_content" {
  command = plan

  assert {
    condition     = length(terraform_data.package) == 1 && endswith(aws_lambda_function.processor.filename, "/build/package-${substr(local.package_fingerprint, 0, 12)}.zip")
    error_message = aws_lambda_function.processor.filename
  }

  assert {
    condition     = terraform_data.package[0].triggers_replace == [local.package_fingerprint, "image-pipeline"] && terraform_data.upload.triggers_replace[0] == local.package_fingerprint
    error_message = "The same content is built once and uploaded once."
  }

  assert {
    condition     = length(setsubtract(["lambda/index.py", "lambda/requirements.txt", "lambda/pipeline/model.py", "tools/build/package.py"], local.package_sources)) == 0
    error_message = join(", ", local.package_sources)
  }

  assert {
    condition     = !anytrue([for file in local.package_sources : can(regex("__pycache__|\\.pyc$|/\\.", file))])
    error_message = join(", ", local.package_sources)
  }
}
