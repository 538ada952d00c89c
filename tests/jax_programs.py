"""Starts programs on simulated devices of JAX, and reads what they print."""

import json
import os
import socket
import subprocess
import sys


def environment(devices):
    """Returns that of a process with so many devices."""
    count = f"--xla_force_host_platform_device_count={devices}"
    flags = f"{os.environ.get('XLA_FLAGS', '')} {count}"
    return {**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": flags}


def start(module, written, devices, *arguments):
    """Starts a module in a process with so many devices."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=environment(devices),
        stdout=written.open("w"),
        stderr=subprocess.STDOUT,
    )


def result(process, written):
    """Returns the JSON that a process prints."""
    # Not by pipes: one process would wait until the other is read.
    assert process.wait(timeout=1200) == 0, written.read_text()
    lines = written.read_text().splitlines()
    return json.loads(next(one for one in lines if one.startswith("{")))


def of_two_processes(module, folder, devices, *arguments):
    """Returns what two processes print that get an address and a number."""
    started, files = start_two_processes(module, folder, devices, *arguments)
    try:
        return [result(*pair) for pair in zip(started, files, strict=True)]
    finally:
        for process in started:
            process.kill()  # One that waits for another that has failed.


def start_two_processes(module, folder, devices, *arguments):
    """Starts two processes; returns them, and where each of them writes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    files = [folder / str(number) for number in range(2)]
    started = [
        start(module, file, devices, address, file.name, *arguments)
        for file in files
    ]
    return started, files
