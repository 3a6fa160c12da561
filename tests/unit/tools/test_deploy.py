"""What `make deploy` prints before and after it applies."""

from pathlib import Path

import boto3
import pytest

from tools.operations import deploy as deploying
from tools.operations.deploy import _addresses, _planned
from tools.operations.doctor.account import Account
from tools.operations.place import Place

ACCOUNT = Account(id="123456789012", arn="", region="eu-west-1", aws=boto3.Session())
OUTPUTS = {"upload_command": "aws s3 cp a.jpg s3://photos/", "processed_bucket": "images"}


def test_warnings_of_the_plan_are_shown_with_what_it_does() -> None:
    resource = {"addr": "aws_sqs_queue.failures"}
    changes = [{"action": "create", "resource": resource}, {"action": "noop", "resource": resource}]

    assert list(_planned(changes, ["The function runs other\x1b code."], ACCOUNT)) == [
        "note  The function runs other\\x1b code.",
        "Terraform will create 1 in account 123456789012 in eu-west-1.",
    ]


def test_the_addresses_of_the_parts_that_are_on_are_printed() -> None:
    urls = {"cdn_url": "https://d1.cloudfront.net", "dashboard_url": "https://dashboard"}
    on = "\n".join(_addresses({**OUTPUTS, **urls, "upload_api_endpoint": None}))

    assert "  cdn       https://d1.cloudfront.net\n  dashboard https://dashboard\n" in on
    assert "page" not in on
    assert "https" not in "\n".join(_addresses(OUTPUTS))


def test_a_plan_without_changes_of_resources_is_applied_for_its_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "terraform"
    program.write_text("""#!/bin/sh
case $1 in
  plan) echo '{"type": "outputs", "outputs": {"processed_bucket": {"action": "create"}}}' ;;
  apply) touch applied ;;
  output) echo '{"upload_command": {"value": "aws"}, "processed_bucket": {"value": "images"}}' ;;
esac
""")
    program.chmod(0o755)
    place = Place(folder=tmp_path, environment={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    (tmp_path / ".terraform").mkdir()
    monkeypatch.setattr(deploying, "find_account", lambda *_, **__: ACCOUNT)
    monkeypatch.setattr(deploying, "examine", lambda *_: [])
    monkeypatch.setattr(deploying, "_tried_out", lambda *_: "")

    deploying.deploy(place, yes=False)

    assert (tmp_path / "applied").exists()


def test_an_interruption_lets_terraform_save_what_it_has_made(tmp_path: Path) -> None:
    program = tmp_path / "terraform"
    program.write_text("""#!/bin/sh
trap 'touch saved; exit 1' INT
echo '{"type": "version"}'
while :; do sleep 0.05; done
""")
    program.chmod(0o755)
    place = Place(folder=tmp_path, environment={"PATH": f"{tmp_path}:/usr/bin:/bin"})

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.terraform.apply_plan(interrupt)

    assert (tmp_path / "saved").exists()
