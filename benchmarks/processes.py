"""What a process costs."""

import os
import subprocess
import sys

# the process's own peak: what the parent's rusage says includes the memory of the parent, of which it is a fork
PEAK = """
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def measure(command):
    """CPU seconds of a process, and what it prints."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.stdout.close()
    assert status == 0, command
    return usage.ru_utime + usage.ru_stime, out


def user_seconds(command, directory, path):
    """User CPU of a process that runs tests, with what it imports on a path. Tests that leak may fail it."""
    environment = {**os.environ, "PYTHONPATH": path}
    process = subprocess.Popen(
        command, cwd=directory, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 1), command
    return usage.ru_utime


def measure_python(program):
    """CPU seconds and peak megabytes of a program in Python."""
    seconds, out = measure([sys.executable, "-c", program + PEAK])
    return seconds, int(out.split()[-1]) / 1024
