"""A local cloud starts and ends, in order or not, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cloud import Cloud, LocalCloudError, running_cloud

INTERRUPTED = """
import sys, time
from pathlib import Path
from cloud import running_cloud
from processes import interruptible

with interruptible(), running_cloud(Path(sys.argv[1])) as cloud:
    print(cloud.endpoint, flush=True)
    time.sleep(60)
"""


def server_pid(cloud: Cloud) -> int:
    return cloud._recorded()["pid"]


def kill_as_a_crash_would(cloud: Cloud) -> None:
    os.kill(server_pid(cloud), signal.SIGKILL)
    assert cloud._server
    cloud._server.wait()


def test_starting_twice_is_harmless(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        pid = server_pid(cloud)

        Cloud(tmp_path).start()

        assert server_pid(cloud) == pid


def test_another_program_can_stop_it(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        Cloud(tmp_path).stop()

        assert not cloud.is_running()


def test_stopping_what_does_not_run_is_harmless(tmp_path: Path) -> None:
    Cloud(tmp_path).stop()
    Cloud(tmp_path / "never").forget()


def test_after_a_crash_it_starts_again(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        kill_as_a_crash_would(cloud)
        assert not cloud.is_running()

        cloud.start()

        assert cloud.is_running()


def test_a_recorded_process_that_is_another_by_now_is_left_alone(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud, subprocess.Popen(["sleep", "60"]) as bystander:
        kill_as_a_crash_would(cloud)
        record = tmp_path / "server.json"
        record.write_text(record.read_text().replace(str(server_pid(cloud)), str(bystander.pid)))

        cloud.stop()

        assert bystander.poll() is None
        bystander.kill()


def test_what_was_saved_is_there_after_a_stop(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        endpoint = cloud.endpoint
        aws(cloud, "sqs", "create-queue", "--queue-name", "kept")
        cloud.save()
        aws(cloud, "sqs", "create-queue", "--queue-name", "lost")
        cloud.stop()

        cloud.start()

        assert cloud.endpoint == endpoint
        queues = aws(cloud, "sqs", "list-queues")
        assert "kept" in queues
        assert "lost" not in queues


def test_a_server_that_cannot_start_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))

    with pytest.raises(LocalCloudError, match="ended at once"), running_cloud(tmp_path / "home"):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-c", INTERRUPTED, str(home)]
    tools = str(Path(__file__).parents[2] / "tools")
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": tools},
    ) as program:
        assert program.stdout
        assert program.stdout.readline().startswith(b"https://127.0.0.1:")
        cloud = Cloud(home)
        pid = server_pid(cloud)

        program.send_signal(number)
        program.wait(timeout=20)

    assert not home.exists()
    assert has_ended(pid)


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
