"""A local cloud starts and ends, cleanly or not, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest

from tools import ROOT
from tools.local import up
from tools.local.cloud import Cloud, running_cloud
from tools.local.server import LocalCloudError

INTERRUPTED = """
import sys, time
from pathlib import Path
from tools.local.cloud import running_cloud
from tools.subprocesses import interruptible

with interruptible(), running_cloud(Path(sys.argv[1])) as cloud:
    print(cloud.endpoint, flush=True)
    time.sleep(60)
"""


def kill_as_a_crash_would(cloud: Cloud) -> None:
    os.kill(cloud.server_pid, signal.SIGKILL)
    os.waitid(os.P_PID, cloud.server_pid, os.WEXITED | os.WNOWAIT)


def test_starting_twice_is_harmless(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        pid = cloud.server_pid

        Cloud(tmp_path).start()

        assert cloud.server_pid == pid


def test_another_program_can_stop_it(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        Cloud(tmp_path).stop()

        assert not cloud.is_running()


def test_stopping_a_stopped_cloud_is_harmless(tmp_path: Path) -> None:
    Cloud(tmp_path).stop()
    Cloud(tmp_path / "never").forget()


def test_after_a_crash_it_starts_again(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        kill_as_a_crash_would(cloud)
        assert not cloud.is_running()

        cloud.start()

        assert cloud.is_running()


def test_a_reused_process_id_is_left_alone(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud, subprocess.Popen(["sleep", "60"]) as bystander:
        kill_as_a_crash_would(cloud)
        record = tmp_path / "server.json"
        record.write_text(record.read_text().replace(str(cloud.server_pid), str(bystander.pid)))

        cloud.stop()

        assert bystander.poll() is None
        bystander.kill()


def test_saved_state_survives_a_stop_terraforms_too(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        endpoint = cloud.endpoint
        terraform_state = tmp_path / "root" / "terraform.tfstate"
        terraform_state.parent.mkdir()
        aws(cloud, "sqs", "create-queue", "--queue-name", "kept")
        terraform_state.write_text("kept")
        cloud.save()
        aws(cloud, "sqs", "create-queue", "--queue-name", "lost")
        terraform_state.write_text("lost")
        cloud.stop()

        cloud.start()

        assert cloud.endpoint == endpoint
        queues = aws(cloud, "sqs", "list-queues")
        assert "kept" in queues
        assert "lost" not in queues
        assert terraform_state.read_text() == "kept"


def test_unsaved_state_does_not_survive_a_stop(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        (tmp_path / "root").mkdir()
        (tmp_path / "root" / "terraform.tfstate").write_text("of an apply that was interrupted")
        cloud.stop()

        cloud.start()

        assert not (tmp_path / "root" / "terraform.tfstate").exists()


def test_up_interrupted_in_a_running_cloud_says_that_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(up, "HOME", tmp_path)
    monkeypatch.setattr(up, "deploy", interrupted)

    with running_cloud(tmp_path / "up") as cloud:
        with pytest.raises(KeyboardInterrupt):
            up.up("")

        assert cloud.is_running()
    output = capsys.readouterr().err
    assert output == "The local cloud stays up until `make down`, perhaps half changed.\n"


def test_up_interrupted_in_a_new_cloud_takes_it_down_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(up, "HOME", tmp_path)
    monkeypatch.setattr(up, "deploy", interrupted)

    with pytest.raises(KeyboardInterrupt):
        up.up("")

    assert not Cloud(tmp_path / "up").is_running()
    assert capsys.readouterr().err == "The local cloud is down again.\n"


def test_a_server_that_cannot_start_is_reported_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))

    with pytest.raises(LocalCloudError, match="ended at once"), running_cloud(tmp_path / "home"):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_repeated_interruptions_leave_nothing_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-c", INTERRUPTED, str(home)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    ) as program:
        assert program.stdout
        assert program.stdout.readline().startswith(b"https://127.0.0.1:")
        cloud = Cloud(home)
        pid = cloud.server_pid

        while program.poll() is None:
            program.send_signal(number)
            time.sleep(0.01)

    assert not home.exists()
    assert has_ended(pid)


def interrupted(cloud: Cloud, *_: object) -> NoReturn:
    """Imitate a deployment that Ctrl-C ends."""
    cloud.start()
    raise KeyboardInterrupt


def has_ended(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def aws(cloud: Cloud, *command: str) -> str:
    return subprocess.run(
        ["aws", *command], env=cloud.environment, capture_output=True, text=True, check=True
    ).stdout
