# Every optional part at once: `make validate-aws` reads the policies and the state machines from this plan.

mock_provider "aws" {
  source          = "./tests/terraform/mocks"
  override_during = plan
}

variables {
  metadata   = {}
  events     = {}
  upload_api = {}
  backfill   = {}
}

run "every_part_can_be_on_at_once" {
  command = plan

  variables {
    workflow = {}
    kms_key  = { arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
    xray     = true
  }

  assert {
    condition     = output.metadata_table != null && output.upload_api_id != null && output.workflow_arn != null && output.backfill != null
    error_message = "An optional part is missing beside the others."
  }
}

run "every_part_can_be_on_with_a_review" {
  command = plan

  variables {
    workflow = { type = "standard", review = { function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:review" } }
  }

  assert {
    condition     = output.metadata_table != null && output.upload_api_id != null && output.workflow_arn != null && output.backfill != null
    error_message = "An optional part is missing beside a workflow with a review."
  }
}
