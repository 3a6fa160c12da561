mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

variables {
  name               = "pets-workflow"
  type               = "EXPRESS"
  definition         = "{}"
  permissions        = { send-failures = [{ Effect = "Allow", Action = ["sqs:SendMessage"], Resource = "arn:aws:sqs:eu-central-1:123456789012:failures" }], use-key = null }
  log_retention_days = 30
  xray               = false
  tags               = {}
}

run "only_step_functions_in_this_account_may_assume_the_role" {
  command = plan

  module { source = "./modules/state_machine" }

  assert {
    condition = jsondecode(aws_iam_role.machine.assume_role_policy).Statement == [{
      Action = "sts:AssumeRole", Effect = "Allow", Principal = { Service = "states.amazonaws.com" }, Condition = { StringEquals = { "aws:SourceAccount" = "123456789012" } }
    }]
    error_message = aws_iam_role.machine.assume_role_policy
  }
}

run "role_has_the_given_policies_and_writes_the_log" {
  command = plan

  module { source = "./modules/state_machine" }

  assert {
    condition     = keys(aws_iam_role_policy.machine) == ["deliver-logs", "send-failures"]
    error_message = join(", ", keys(aws_iam_role_policy.machine))
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.machine["send-failures"].policy).Statement == [{ Action = ["sqs:SendMessage"], Effect = "Allow", Resource = "arn:aws:sqs:eu-central-1:123456789012:failures" }]
    error_message = aws_iam_role_policy.machine["send-failures"].policy
  }
}

run "no_action_is_a_wildcard" {
  command = plan

  module { source = "./modules/state_machine" }

  variables { xray = true }

  assert {
    condition = !anytrue(flatten([
      for policy in aws_iam_role_policy.machine : [for statement in jsondecode(policy.policy).Statement : [for action in statement.Action : strcontains(action, "*")]]
    ]))
    error_message = "Every action is named."
  }
}

run "failures_are_logged_without_execution_data" {
  command = plan

  module { source = "./modules/state_machine" }

  assert {
    condition     = [one(aws_sfn_state_machine.machine.logging_configuration).level, one(aws_sfn_state_machine.machine.logging_configuration).include_execution_data] == ["ERROR", false]
    error_message = "The log names no keys."
  }
}

run "log_has_the_given_retention" {
  command = plan

  module { source = "./modules/state_machine" }

  assert {
    condition     = [aws_cloudwatch_log_group.machine.name, aws_cloudwatch_log_group.machine.retention_in_days] == ["/aws/vendedlogs/states/pets-workflow", 30]
    error_message = aws_cloudwatch_log_group.machine.name
  }

  assert {
    condition     = one(aws_sfn_state_machine.machine.logging_configuration).log_destination == "${aws_cloudwatch_log_group.machine.arn}:*"
    error_message = "The machine writes into its own group."
  }
}

run "traces_are_off" {
  command = plan

  module { source = "./modules/state_machine" }

  assert {
    condition     = !one(aws_sfn_state_machine.machine.tracing_configuration).enabled
    error_message = "X-Ray costs money, so it must be off by default."
  }
}

run "traces_are_on_by_request" {
  command = plan

  module { source = "./modules/state_machine" }

  variables { xray = true }

  assert {
    condition     = one(aws_sfn_state_machine.machine.tracing_configuration).enabled && contains(keys(aws_iam_role_policy.machine), "send-traces")
    error_message = "xray turns tracing on, and allows it."
  }
}
