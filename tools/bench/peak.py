"""Read how much memory a process has had at most."""

from pathlib import Path


def high_water(process: int | str = "self") -> float:
    """Return the largest resident size that *process* has had, in megabytes.

    `ru_maxrss` would include that of the process which started it, until its program was loaded.
    """
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
