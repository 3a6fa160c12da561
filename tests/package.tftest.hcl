mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "package_is_built_and_named_for_its_content" {
  command = plan

  assert {
    condition     = length(terraform_data.package) == 1 && endswith(aws_lambda_function.processor.filename, "/build/package-${substr(local.package_fingerprint, 0, 12)}.zip")
    error_message = aws_lambda_function.processor.filename
  }
}

run "build_is_due_when_the_content_or_the_function_is_another" {
  command = plan

  assert {
    condition     = terraform_data.package[0].triggers_replace == [local.package_fingerprint, "image-pipeline"] && aws_lambda_function.processor.source_code_hash == local.package_fingerprint
    error_message = "The same content is built once and uploaded once."
  }
}

run "fingerprint_covers_the_function_its_requirements_and_the_builder" {
  command = plan

  assert {
    condition     = length(setsubtract(["lambda/index.py", "lambda/requirements.txt", "lambda/pipeline/model.py", "tools/package.py"], local.package_sources)) == 0
    error_message = join(", ", local.package_sources)
  }
}

run "fingerprint_leaves_out_what_python_and_editors_leave_behind" {
  command = plan

  assert {
    condition     = !anytrue([for file in local.package_sources : can(regex("__pycache__|\\.pyc$|/\\.", file))])
    error_message = join(", ", local.package_sources)
  }
}

run "given_package_is_not_built" {
  command = plan

  variables {
    package_path = "main.tf" # any file
  }

  assert {
    condition     = length(terraform_data.package) == 0 && aws_lambda_function.processor.filename == "main.tf"
    error_message = "package_path is taken as it is."
  }
}

run "given_package_is_uploaded_when_it_changes" {
  command = plan

  variables {
    package_path = "main.tf" # any file
  }

  assert {
    condition     = aws_lambda_function.processor.source_code_hash == filebase64sha256("main.tf")
    error_message = "The hash is that of the file."
  }
}

run "missing_package_is_refused" {
  command = plan

  variables {
    package_path = "build/none.zip"
  }

  expect_failures = [var.package_path]
}

run "empty_path_of_a_package_is_refused" {
  command = plan

  variables {
    package_path = ""
  }

  expect_failures = [var.package_path]
}

run "folder_as_a_package_is_refused" {
  command = plan

  variables {
    package_path = "lambda"
  }

  expect_failures = [var.package_path]
}
