"""Runs a script as a user does, in a process of its own."""

import os
import pathlib
import subprocess
import sys
from typing import Any

import keras

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"


def command(name: str, *flags: str) -> list[str]:
    """Returns the words of the command line."""
    return [sys.executable, str(SCRIPTS / name), *flags]


def environment() -> dict[str, str]:
    """Returns the environment with the backend of this process."""
    return {**os.environ, "KERAS_BACKEND": keras.config.backend()}


def run_script(name: str, *flags: str, cwd: Any = None) -> tuple[int, str]:
    """Returns the exit status, and what was printed."""
    done = subprocess.run(
        command(name, *flags),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
        cwd=cwd,
        timeout=600,
    )
    return done.returncode, done.stdout
